"""From the admin's files to pieces: read, check, give each instance its block, compile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chainsaw.compile.context import Host, Job
from chainsaw.compile.instance import Piece, compile_instance
from chainsaw.errors import ChainsawError, Diagnostic, in_file_order, invalid
from chainsaw.host import files
from chainsaw.host.facts import Account, Ranges, has_ipv6, processors
from chainsaw.load.site import Intent, load_intent
from chainsaw.model.block import Block
from chainsaw.model.keys import Version
from chainsaw.plan.blocks import allocate
from chainsaw.work.catalog import Catalog, shared_files

FRONT = "front"


@dataclass(frozen=True)
class Compiled:
    """The pieces of all declared instances, and what they were compiled with."""

    intent: Intent
    pieces: Mapping[str, Piece]
    blocks: Mapping[str, Block]
    host: Host


def read_intent(user: Account, catalog: Catalog) -> Intent:
    """Return what the admin declared; raise ChainsawError with every problem of every file."""
    paths = user.paths
    base = f"{paths.config}/chainsaw/"
    texts = {}
    for name in files.list_directory(paths.instance_files):
        if name.endswith(".yaml") and not name.startswith("."):
            texts[f"instances/{name}"] = files.read_text(f"{base}instances/{name}") or ""
    return load_intent(("site.yaml", files.read_text(paths.site_file)), texts, catalog)


def compile_intent(
    user: Account, intent: Intent, catalog: Catalog, recorded: Mapping[str, int], ranges: Ranges, podman: Version
) -> Compiled:
    """Return the compiled intent; raise ChainsawError for ids that run out and for templates that do not work."""
    host = Host(user.paths, podman, processors(), has_ipv6())
    shared = shared_files()
    needy = [name for name, file in sorted(intent.instances.items()) if catalog[file.instance.recipe].components]
    blocks = allocate([FRONT, *needy], recorded, ranges.uids, ranges.gids, user.name)
    pieces: dict[str, Piece] = {}
    problems: list[Diagnostic] = []
    for name, file in sorted(intent.instances.items()):
        bundle = catalog.bundle(file.instance.recipe)
        try:
            pieces[name] = compile_instance(Job(file, bundle, intent.site, blocks.get(name), host, shared))
        except ChainsawError as error:
            problems += error.diagnostics
    if problems:
        raise invalid(in_file_order(problems))
    return Compiled(intent, pieces, blocks, host)
