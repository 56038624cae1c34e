"""What a backup says at its beginning, checked: before anything on this host is touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host.bundle.reader import NEWER
from chainsaw.host.bundle.sealed import Source
from chainsaw.load.recipe import Bundle, load_recipe
from chainsaw.load.site import load_site
from chainsaw.model.backup import FIRST, INSTANCE, META, NOTES, RECIPE, SECRETS, SITE, Backup
from chainsaw.model.site import Site
from chainsaw.work.recipes.shipped import shared_parts

MOST = 64 * 2**20
"""Bytes of all small files at the beginning of a backup."""


@dataclass(frozen=True)
class Kept:
    """A backup that is to be restored: how it is read, what it is, its recipe, and its texts."""

    source: Source
    backup: Backup
    bundle: Bundle
    text: str
    site: Site
    files: Mapping[str, bytes]

    @property
    def path(self) -> str:
        """Where it is, for people."""
        return self.source.path

    @property
    def secrets(self) -> dict[str, bytes]:
        """The secrets by name."""
        return {key: self.files[f"{SECRETS}/{key}"] for key in self.backup.secrets if f"{SECRETS}/{key}" in self.files}

    @property
    def notes(self) -> bytes | None:
        """The admin's notes on the instance, if there are any."""
        return self.files.get(NOTES)


def read(source: Source) -> Kept:
    """Return what a backup says at its beginning; raise ChainsawError for one that this chainsaw does not know."""
    found, path = source.leading((f"{META}/", f"{SECRETS}/"), MOST), source.path
    backup = _backup(path, found[FIRST])
    bundle = _recipe(path, backup, found)
    text = found.get(INSTANCE, b"").decode(errors="replace")
    site = load_site("site.yaml", found.get(SITE, b"{}").decode(errors="replace"))
    return Kept(source, backup, bundle, text, site, found)


def _backup(path: str, content: bytes) -> Backup:
    known: object = None
    try:
        known = json.loads(content)
        return Backup.model_validate(known)
    except (ValueError, ValidationError) as error:
        if isinstance(known, dict) and known.get("kind") == "site":
            hint = f"chainsaw restore --site {path} --identity FILE"
            raise invalid(Diagnostic("site-backup", "it is the backup of a whole host", path, hint=hint)) from error
        why = str(error).splitlines()[0]
        raise invalid(Diagnostic("bundle", f"its first member is not a backup's: {why}", path)) from error


def _recipe(path: str, backup: Backup, found: Mapping[str, bytes]) -> Bundle:
    """Return the recipe that comes along; raise ChainsawError unless it is the one that the backup names."""
    prefix, name = f"{RECIPE}/", backup.recipe.origin.rpartition("/")[2]
    own = {file.removeprefix(prefix): text for file, text in found.items() if file.startswith(prefix)}
    try:
        bundle = load_recipe(f"{path}: {RECIPE}/recipe.yaml", name, own, shared_parts(), backup.recipe.origin)
    except ChainsawError as error:
        message = f"this chainsaw does not know its recipe {backup.recipe.name} {backup.recipe.version}"
        raise invalid([Diagnostic("newer-recipe", message, path, hint=NEWER), *error.diagnostics]) from error
    if bundle.digest != backup.recipe.digest:
        raise invalid(Diagnostic("bundle", "the recipe in it is not the one that it names", path))
    return bundle
