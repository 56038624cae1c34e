"""Where recipes come from besides chainsaw itself: sources.yaml, written by `chainsaw source`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from chainsaw.model.base import Model
from chainsaw.model.names import Text, Word, check_word

SHIPPED = "chainsaw"
"""The name of the source for the recipes that chainsaw ships."""
TRIED = "test"
"""The name of the source for recipes that are being tested."""

_URL = re.compile(r"(https|ssh|git|file)://[^\s]+|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^\s]+|/[^\s]*")
_VERSION = re.compile(r"[0-9a-f]{16}")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def check_url(value: str) -> str:
    """Return the address of a git repository: https, ssh, git, file, or a directory; raise ValueError otherwise."""
    if not _URL.fullmatch(value):
        raise ValueError("a source is a git repository: https://…, ssh://…, user@host:path, or a directory")
    return value


def check_commit(value: str) -> str:
    """Return the full name of a commit; raise ValueError otherwise."""
    if not _COMMIT.fullmatch(value):
        raise ValueError("a commit is 40 or 64 hexadecimal digits")
    return value


def check_recipe_name(value: str) -> str:
    """Return the name of a recipe; raise ValueError for what is none.

    It may have a source before it (club/wiki), and one version after it (wiki@0123456789abcdef).
    """
    name, at, version = value.partition("@")
    for part in name.split("/", 1):
        check_word(part)
    if at and not _VERSION.fullmatch(version):
        raise ValueError("the version of a recipe is 16 hexadecimal digits: wiki@0123456789abcdef")
    return value


class SourceEntry(Model):
    """One git repository of recipes, at one commit."""

    url: Annotated[str, AfterValidator(check_url)] = Field(description="Where the repository is.")
    commit: Annotated[str, AfterValidator(check_commit)] = Field(description="The commit whose recipes are offered.")
    signed: bool = Field(False, description="Whether commits must be signed with sources/<name>.key.")


class SourceList(Model):
    """sources.yaml: the sources by name."""

    format: Literal[1] = Field(1, description="Version of this file format.")
    sources: dict[Word, SourceEntry] = Field({}, description="The sources by name.")


RecipeName = Annotated[Text, AfterValidator(check_recipe_name)]
