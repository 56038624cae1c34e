"""render and schema: what is compiled, and what can be written; neither needs Podman nor systemd."""

from __future__ import annotations

import json
from typing import Any

from chainsaw.compile.context import Host, Shared
from chainsaw.compile.site import compile_site
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import facts, files, store
from chainsaw.model.block import SIZE, Range
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import Instance, Site
from chainsaw.work.catalog import catalog_of
from chainsaw.work.intent import FRONT, compile_intent, read_intent
from chainsaw.work.result import Result
from chainsaw.work.shipped import shared_files

ASSUMED = Range("", 196608, 64 * SIZE)
MODELS: dict[str, Any] = {"instance": Instance, "site": Site, "recipe": Recipe}


def schema_text(kind: str) -> str:
    """Return the JSON Schema of an instance's file, of site.yaml or of a recipe.yaml."""
    content = {"$schema": "https://json-schema.org/draft/2020-12/schema", **MODELS[kind].model_json_schema()}
    return json.dumps(content, indent=2) + "\n"


def render(out: str | None) -> Result:
    """Compile what is declared and write it below a directory, or list it; without ranges, with assumed ids."""
    user = facts.account()
    catalog = catalog_of(user.paths)
    intent = read_intent(user, catalog)
    ranges = facts.ranges_of(user.name, user.uid)
    if sum(item.count for item in ranges.uids) < 2 * SIZE:
        ranges = facts.Ranges([ASSUMED], [ASSUMED])
    compiled = compile_intent(user, intent, catalog, store.read_blocks(user.paths), ranges, facts.PODMAN_FLOOR)
    shared: Shared = shared_files()
    host: Host = compiled.host
    manifest, tree = compile_site(compiled.pieces, intent.site, compiled.blocks[FRONT], host, shared, intent.site_text)
    if out is not None:
        if files.list_directory(out):
            raise ChainsawError(Diagnostic("not-empty", "the directory is not empty", out, hint=f"rm -r {out}"))
        if not files.exists(out):
            files.make_directory(out)
        files.write_tree(out, tree)
    data = {"files": [{"path": path, "sha256": digest} for path, digest in manifest.files.items()], "out": out}
    lines = [f"{out}/{path}" if out else path for path in tree]
    return Result(data, tuple(lines))
