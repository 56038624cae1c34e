"""From the admin's files to pieces: read, check, give each instance its block, compile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from chainsaw.compile.context import Host, Job
from chainsaw.compile.instance import CompiledInstance, compile_instance
from chainsaw.errors import ChainsawError, Diagnostic, in_file_order, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.facts import Ranges, has_ipv6, processors
from chainsaw.load.recipe import Bundle, instance_bundle
from chainsaw.load.site import Intent, load_intent
from chainsaw.model.block import Block
from chainsaw.model.keys import Version
from chainsaw.model.names import FRONT
from chainsaw.model.paths import Paths
from chainsaw.plan.blocks import allocate
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.shipped import shared_files


@dataclass(frozen=True)
class Compiled:
    """The pieces of all declared instances, and what they were compiled with; `watched` are digests of directories."""

    intent: Intent
    instances: Mapping[str, CompiledInstance]
    blocks: Mapping[str, Block]
    host: Host
    watched: Mapping[str, str]


def read_intent(account: Account, catalog: Catalog) -> Intent:
    """Return what the admin declared; raise ChainsawError with every problem of every file."""
    paths = account.paths
    base = f"{paths.config}/chainsaw/"
    texts = {}
    for name in files.list_directory(paths.instance_files):
        if name.endswith(".yaml") and not name.startswith("."):
            texts[f"instances/{name}"] = files.read_text(f"{base}instances/{name}") or ""
    return load_intent(("site.yaml", files.read_text(paths.site_file)), texts, catalog)


def _sources(paths: Paths, name: str, bundle: Bundle) -> dict[str, str]:
    """Return the directory of each volume that is the admin's and that something is made of."""
    recipe = bundle.recipe
    used = {volume for item in recipe.components.values() if item.once for volume in item.volumes}
    return {
        volume: paths.volume(name, volume, recipe.volumes[volume].public is not None)
        for volume in sorted(used)
        if recipe.volumes[volume].admin
    }


def _source_digest(place: str, bundle: Bundle, volume: str) -> str:
    """Return a digest of the files in a volume that is the admin's, or of those that it will have at first."""
    found = files.content_digests(place)
    if found is None:
        seed = bundle.recipe.volumes[volume].seed
        found = {path: sha256(text).hexdigest() for path, text in bundle.below(seed).items()} if seed else {}
    return sha256(json.dumps(sorted(found.items())).encode()).hexdigest()


def _missing_secrets(name: str, instance: CompiledInstance) -> list[Diagnostic]:
    """Return the secrets of the site's own that an instance needs and that nobody has set."""
    wanted = [item for item in instance.deployment.secrets if item.source and not files.exists(item.source)]
    return [
        Diagnostic(
            "no-site-secret",
            f"{name} needs the secret {item.key}, and nobody has set it",
            f"instances/{name}.yaml",
            key="mail.password",
            hint=f"chainsaw secret set {item.key}",
        )
        for item in wanted
    ]


def compile_intent(
    account: Account, intent: Intent, catalog: Catalog, recorded: Mapping[str, int], ranges: Ranges, podman: Version
) -> Compiled:
    """Return the compiled intent; raise ChainsawError for ids that run out and for templates that do not work."""
    host = Host(account.paths, podman, processors(), has_ipv6())
    shared = shared_files()
    bundles = {
        name: instance_bundle(catalog.bundle(file.instance.recipe), file.instance)
        for name, file in sorted(intent.instances.items())
    }
    needy = [name for name, bundle in bundles.items() if bundle.recipe.components]
    blocks = allocate([FRONT, *needy], recorded, ranges.uids, ranges.gids, account.name)
    instances: dict[str, CompiledInstance] = {}
    watched: dict[str, str] = {}
    problems: list[Diagnostic] = []
    for name, file in sorted(intent.instances.items()):
        bundle, block = bundles[name], blocks.get(name)
        sources = _sources(account.paths, name, bundle)
        watched |= {place: files.directory_digest(place) for place in sources.values()}
        digests = {volume: _source_digest(place, bundle, volume) for volume, place in sources.items()}
        try:
            instances[name] = compile_instance(Job(file, bundle, intent.site, block, host, shared, digests))
        except ChainsawError as error:
            problems += error.diagnostics
            continue
        problems += _missing_secrets(name, instances[name])
    if problems:
        raise invalid(in_file_order(problems))
    return Compiled(intent, instances, blocks, host, watched)
