"""The names of the instances, and the errors for unknown names."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.check import nearest
from chainsaw.model.deployment import Deployment, Manifest
from chainsaw.model.paths import Paths


def declared_names(paths: Paths) -> frozenset[str]:
    """Return the names of the instances that have a file."""
    names = [name for name in files.list_directory(paths.instance_files) if name.endswith(".yaml")]
    return frozenset(name.removesuffix(".yaml") for name in names if not name.startswith("."))


def declared_text(paths: Paths, name: str) -> str:
    """Return the file of an instance; raise ChainsawError with a suggestion when there is none of this name."""
    known = declared_names(paths)
    text = files.read_text(paths.instance_file(name)) if name in known else None
    if text is None:
        raise no_instance(paths, name, known)
    return text


def removed_names(paths: Paths) -> list[str]:
    """Return the names of the instances that were removed and not purged."""
    kept = [name.removesuffix(".yaml") for name in files.list_directory(f"{paths.own_files}/removed")]
    return [name for name in kept if name not in declared_names(paths)]


def instance_names(account: Account) -> list[str]:
    """Return the names of all instances, declared or applied."""
    return sorted(declared_names(account.paths) | account.current().instances.keys())


def applied_instance(paths: Paths, manifest: Manifest, name: str) -> Deployment:
    """Return an applied instance; raise ChainsawError with a suggestion when there is none of this name."""
    if name in manifest.instances:
        return manifest.instances[name]
    if name in declared_names(paths):
        found = Diagnostic("not-applied", f"{name} is declared, but not applied", hint=f"chainsaw apply {name}")
        raise ChainsawError(found, Exit.MISSING)
    raise no_instance(paths, name, declared_names(paths) | manifest.instances.keys())


def no_instance(paths: Paths, name: str, known: frozenset[str]) -> ChainsawError:
    """Return the error for the name of an unknown or removed instance."""
    if name in removed_names(paths):
        removed = Diagnostic("no-instance", f"{name} was removed; its data is kept", hint=f"chainsaw rollback {name}")
        return ChainsawError(removed, Exit.MISSING)
    message = f"no instance {name!r}{nearest(name, known)}"
    hint = f"instances: {', '.join(sorted(known)) or 'none'}"
    return ChainsawError(Diagnostic("no-instance", message, hint=hint), Exit.MISSING)
