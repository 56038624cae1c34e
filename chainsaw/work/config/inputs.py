"""Reads the inputs of a site once: the admin's files, their recipes, and the facts of this host."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chainsaw.compile.context import Host
from chainsaw.compile.intent import Inputs, admin_directories, bundles_of
from chainsaw.host import facts, files, usage
from chainsaw.host.account import Account
from chainsaw.host.observe import files_like_site, files_of_instances
from chainsaw.host.store import records
from chainsaw.host.store.users import read_users
from chainsaw.load.site import Intent, load_intent
from chainsaw.model.keys import Version
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.shipped import shared_files

Texts = Mapping[str, str | None]
"""Texts of the admin's files by path below their directory; None for a file that is not there."""


def read_intent(account: Account, catalog: Catalog, instead: Texts = MappingProxyType({})) -> Intent:
    """Return what the admin declared, with some texts instead of those on disk.

    Raise ChainsawError with every problem of every file.
    """
    paths = account.paths
    base = f"{paths.config}/chainsaw/"
    found: dict[str, str | None] = {"site.yaml": files.read_text(paths.site_file)}
    for name in files_of_instances(paths):
        found[f"instances/{name}"] = files.read_text(f"{base}instances/{name}") or ""
    found |= dict.fromkeys(files_like_site(paths), "")
    found |= instead
    texts = {path: text for path, text in found.items() if path != "site.yaml" and text is not None}
    return load_intent(("site.yaml", found["site.yaml"]), texts, catalog)


def read_inputs(
    account: Account, catalog: Catalog, podman: Version | None = None, instead: Texts = MappingProxyType({})
) -> Inputs:
    """Return the inputs of the site, for a version of Podman, by default this host's.

    Raise ChainsawError with every problem of every file, and for ranges of ids that overlap.
    """
    paths = account.paths
    intent = read_intent(account, catalog, instead)
    bundles = bundles_of(intent, catalog)
    # The state is recorded before the files are read: a later change then counts as changed, not as applied.
    places = {place for name, bundle in bundles.items() for place in admin_directories(paths, name, bundle).values()}
    watched = {place: files.directory_digest(place) for place in places}
    found = {place: files.content_digests(place) for place in sorted(places)}
    return Inputs(
        intent=intent,
        bundles=bundles,
        user=account.name,
        ranges=account.ranges,
        recorded=records.read_blocks(paths),
        host=Host(
            paths,
            podman or facts.podman_version(paths),
            facts.processors(),
            facts.has_ipv6(),
            usage.memory_and_swap(),
            facts.program(),
        ),
        shared=shared_files(),
        users=read_users(paths).groups,
        secrets=frozenset(files.list_directory(f"{paths.root}/secrets")),
        admin_files={place: digests for place, digests in found.items() if digests is not None},
        watched=watched,
    )
