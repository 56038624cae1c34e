"""Sizes of limits: one that nothing fits into, or that limits nothing, is a mistake in writing it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from chainsaw.model.names import check_size, size_in_bytes

LEAST_MEMORY = "8M"
"""A shell and a small program start in it."""
LEAST_SITE_MEMORY = "64M"
LEAST_UPLOAD, MOST_UPLOAD = "64K", "64G"
"""Forms need the first; what is larger than the second would fill the disk, where an upload is until it is complete."""


def check_memory(value: str) -> str:
    """Return a memory limit of a component; raise ValueError where nothing could start in it."""
    return _at_least(LEAST_MEMORY, value, "nothing starts in less memory")


def check_site_memory(value: str) -> str:
    """Return a memory limit of all instances together; raise ValueError where none could start in it."""
    return _at_least(LEAST_SITE_MEMORY, value, "all instances together need more")


def check_upload(value: str) -> str:
    """Return the size of the largest upload; raise ValueError where no form fits, or where it limits nothing."""
    _at_least(LEAST_UPLOAD, value, "forms are larger")
    if size_in_bytes(value) > size_in_bytes(MOST_UPLOAD):
        raise ValueError(f"should be at most {MOST_UPLOAD}: an upload is on the disk until it is complete")
    return value


def _at_least(least: str, value: str, why: str) -> str:
    if size_in_bytes(check_size(value)) < size_in_bytes(least):
        bare = f"; {value} is a number of bytes: {value}M" if value.isdecimal() else ""
        raise ValueError(f"should be at least {least}: {why}{bare}")
    return value


MemoryLimit = Annotated[str, AfterValidator(check_memory)]
SiteMemoryLimit = Annotated[str, AfterValidator(check_site_memory)]
UploadLimit = Annotated[str, AfterValidator(check_upload)]
