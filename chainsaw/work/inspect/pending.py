"""What is declared and not applied yet. Unchanged inputs need no compiling."""

from __future__ import annotations

from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.account import Account
from chainsaw.model.deployment import Manifest
from chainsaw.work.apply.unchanged import inputs_unchanged
from chainsaw.work.config.names import declared_names


@dataclass(frozen=True)
class Pending:
    """The names of the declared instances, of those that apply would change, and the problems that prevent apply."""

    declared: frozenset[str]
    changed: frozenset[str] = frozenset()
    problems: tuple[Diagnostic, ...] = ()


def pending(account: Account, manifest: Manifest) -> Pending:
    """Return how the declared instances differ from the applied manifest."""
    declared = declared_names(account.paths)
    if inputs_unchanged(account):
        return Pending(declared)
    try:
        return Pending(declared, _differing(account, manifest))
    except ChainsawError as error:
        return Pending(declared, problems=tuple(error.diagnostics))


def _differing(account: Account, manifest: Manifest) -> frozenset[str]:
    from chainsaw.compile.intent import compile_intent
    from chainsaw.work.config.inputs import read_inputs
    from chainsaw.work.recipes.catalog import catalog_of

    compiled = compile_intent(read_inputs(account, catalog_of(account.paths)))
    changed = set()
    for name, instance in compiled.instances.items():
        own = {path for path, owner in manifest.owners.items() if owner == name}
        now = {artifact.path: artifact.digest for artifact in instance.artifacts}
        same = now == {path: manifest.files[path] for path in own} and instance.deployment == manifest.instances.get(
            name
        )
        if name in manifest.instances and not same:
            changed.add(name)
    return frozenset(changed)
