"""Compiled instances of a generation, to be combined with freshly compiled ones."""

from __future__ import annotations

from collections.abc import Mapping

from chainsaw.compile.instance import CompiledInstance
from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.store import generations
from chainsaw.model.artifact import as_tree
from chainsaw.model.paths import Paths
from chainsaw.work.config.names import no_instance


def former_instances(paths: Paths, number: int | None = None) -> dict[str, CompiledInstance]:
    """Return the compiled instances of a generation, by default the current one."""
    manifest = generations.read_manifest(paths, generations.current_number(paths) if number is None else number)
    tree = generations.read_tree(paths, manifest)
    return {
        name: CompiledInstance(deployment, tuple(artifact for artifact in tree.values() if artifact.owner == name))
        for name, deployment in manifest.instances.items()
    }


def is_same(one: CompiledInstance | None, other: CompiledInstance | None) -> bool:
    """Return whether two compiled instances are the same, in whatever order their files are."""
    if one is None or other is None:
        return one is other
    return one.deployment == other.deployment and as_tree(one.artifacts) == as_tree(other.artifacts)


def select(
    paths: Paths,
    fresh: Mapping[str, CompiledInstance],
    former: Mapping[str, CompiledInstance],
    names: tuple[str, ...],
) -> dict[str, CompiledInstance]:
    """Return the fresh instances, or with names only those fresh and the former others.

    Raise ChainsawError for names that no instance has.
    """
    if not names:
        return dict(fresh)
    known = frozenset(fresh.keys() | former.keys())
    unknown = [
        problem for name in names if name not in known for problem in no_instance(paths, name, known).diagnostics
    ]
    if unknown:
        raise ChainsawError(unknown, Exit.MISSING)
    chosen = {name: instance for name, instance in former.items() if name not in names}
    return chosen | {name: fresh[name] for name in names if name in fresh}
