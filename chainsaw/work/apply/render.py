"""render and schema: what is compiled, and what can be written; neither needs Podman nor systemd."""

from __future__ import annotations

from dataclasses import replace

from chainsaw.compile.intent import compile_intent
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.model.block import SIZE, Range, Ranges
from chainsaw.work.config.inputs import read_inputs
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.result import Result

ASSUMED = Range("", 196608, 64 * SIZE)


def render(account: Account, out: str | None) -> Result:
    """Compile what is declared and write it below a directory, or list it; without ranges, with assumed ids."""
    inputs = read_inputs(account, catalog_of(account.paths), facts.PODMAN_FLOOR)
    if sum(item.count for item in inputs.ranges.uids) < 2 * SIZE:
        inputs = replace(inputs, ranges=Ranges([ASSUMED], [ASSUMED]))
    compiled = compile_intent(inputs)
    manifest, tree = compiled.site(compiled.instances)
    if out is not None:
        if files.list_directory(out):
            raise ChainsawError(Diagnostic("not-empty", "the directory is not empty", out, hint=f"rm -r {out}"))
        if not files.exists(out):
            files.make_directory(out)
        files.write_tree(out, tree)
    data = {"files": [{"path": path, "sha256": digest} for path, digest in manifest.files.items()], "out": out}
    lines = [f"{out}/{path}" if out else path for path in tree]
    return Result(data, tuple(lines))
