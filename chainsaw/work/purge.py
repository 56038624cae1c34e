"""Purge: an instance goes, and with it everything that is its own."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import facts, files, store
from chainsaw.host.observe import issued_record
from chainsaw.host.podman import Podman
from chainsaw.work.apply import apply
from chainsaw.work.catalog import Catalog
from chainsaw.work.result import Reporter, Request


def purge(name: str, report: Reporter, catalog: Catalog | None = None) -> None:
    """Stop an instance and remove its file, data, secrets, block and certificate; raise ChainsawError if it stays up.

    What it never had is passed over, so that a purge that was cut off can be repeated.
    """
    user = facts.account()
    paths = user.paths
    number = store.current_number(paths)
    applied = store.read_manifest(paths, number).instances
    files.remove(f"{paths.instance_files}/{name}.yaml")
    if name in applied:
        result = apply(Request((name,)), report, catalog)
        if result.exit is not Exit.OK:
            raise ChainsawError(list(result.diagnostics), result.exit)
    ranges = facts.ranges_of(user.name, user.uid)
    podman = Podman(user.runtime, ranges.uids, ranges.gids)
    podman.remove_trees([paths.instance(name), f"{paths.public}/{name}"])
    left = {item.host for other, item in applied.items() if other != name}
    if name in applied and applied[name].host not in left:
        host = applied[name].host
        files.remove_tree(f"{paths.certificates}/{host}")
        files.remove(issued_record(paths, host))
