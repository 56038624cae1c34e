"""The secrets of the site: which are set, which the admin's files name, and which nothing uses."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.store import generations
from chainsaw.load.source import KeyPath
from chainsaw.load.yaml import read_yaml
from chainsaw.model.paths import Paths
from chainsaw.model.schedule import ENVIRONMENT, PASSWORD
from chainsaw.work.config.names import declared_names, declared_text


def site_secret_keys(account: Account) -> list[str]:
    """Return the secrets that are set for the site, and those that its files name."""
    found = list(files.list_directory(f"{account.paths.root}/secrets"))
    for text in _texts(account.paths):
        with suppress(ChainsawError):
            found += _named_in(text)
    return list(dict.fromkeys(found))


def unused_site_secrets(account: Account, removed: Iterable[str]) -> list[str]:
    """Return the site's secrets that no file and no generation names; none where a file cannot be read.

    The files of the instances that were removed count, too: they can be rolled back.
    """
    paths = account.paths
    kept = [files.read_text(paths.removed_file(one)) or "" for one in removed]
    try:
        used = {key for text in (*_texts(paths), *kept) for key in _named_in(text)}
    except ChainsawError:
        return []
    # An earlier generation can be rolled back to.
    every = (account.current(), *generations.former_manifests(paths))
    ran = [one for manifest in every for one in manifest.instances.values()]
    used |= {item.key for one in ran for item in one.secrets if item.source}
    # Without its password, nobody can read a repository, and no file names it.
    used |= {PASSWORD, ENVIRONMENT}
    return [key for key in files.list_directory(f"{paths.root}/secrets") if key not in used]


def _texts(paths: Paths) -> list[str]:
    """Return the files of the site and of its instances."""
    declared = [declared_text(paths, one) for one in sorted(declared_names(paths))]
    return [files.read_text(paths.site_file) or "", *declared]


def _named_in(text: str) -> list[str]:
    """Return the secrets of the site that a file names; raise ChainsawError where it is no YAML."""
    source = read_yaml("site.yaml", text)
    return [_held(source.value, path) for path in source.keys if path[-1] == "secret"]


def _held(value: Any, path: KeyPath) -> str:
    for part in path:
        value = value[part]
    return str(value)
