"""render and schema: what is compiled, and what can be written; neither needs Podman nor systemd."""

from __future__ import annotations

from chainsaw.compile.context import Host, Shared
from chainsaw.compile.front.site import compile_site
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.store import records
from chainsaw.model.block import SIZE, Range
from chainsaw.model.names import FRONT
from chainsaw.work.config.inputs import compile_intent, read_intent
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Result

ASSUMED = Range("", 196608, 64 * SIZE)


def render(account: Account, out: str | None) -> Result:
    """Compile what is declared and write it below a directory, or list it; without ranges, with assumed ids."""
    catalog = catalog_of(account.paths)
    intent = read_intent(account, catalog)
    ranges = account.ranges
    if sum(item.count for item in ranges.uids) < 2 * SIZE:
        ranges = facts.Ranges([ASSUMED], [ASSUMED])
    compiled = compile_intent(account, intent, catalog, records.read_blocks(account.paths), ranges, facts.PODMAN_FLOOR)
    shared: Shared = shared_files()
    host: Host = compiled.host
    manifest, tree = compile_site(
        compiled.instances, intent.site, compiled.blocks[FRONT], host, shared, intent.site_text
    )
    if out is not None:
        if files.list_directory(out):
            raise ChainsawError(Diagnostic("not-empty", "the directory is not empty", out, hint=f"rm -r {out}"))
        if not files.exists(out):
            files.make_directory(out)
        files.write_tree(out, tree)
    data = {"files": [{"path": path, "sha256": digest} for path, digest in manifest.files.items()], "out": out}
    lines = [f"{out}/{path}" if out else path for path in tree]
    return Result(data, tuple(lines))
