"""The files shipped with chainsaw: recipes, and what all of them share."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files

if TYPE_CHECKING:
    from chainsaw.compile.context import Shared
    from chainsaw.load.recipe import Parts

PACKAGE = Path(__file__).resolve().parents[2]


def shipped(name: str) -> str:
    """Return the shipped directory of this name: inside the package when installed, beside it in a checkout."""
    for base in (PACKAGE, PACKAGE.parent):
        if (base / name).is_dir():
            return str(base / name)
    raise ChainsawError(
        Diagnostic("incomplete", f"this installation is missing its {name}", hint="install chainsaw again")
    )


@lru_cache(maxsize=1)
def _quadlets() -> dict[str, bytes]:
    return files.read_directory(shipped("quadlets"))


def shared_files() -> Shared:
    """Return the shared templates and the contexts of the shared images."""
    from chainsaw.compile.context import Shared

    templates = {
        path: content.decode()
        for path, content in _quadlets().items()
        if path.endswith((".j2", ".py")) or path.startswith("nginx/")
    }
    return Shared(templates, _grouped("images/"))


def shared_parts() -> Parts:
    """Return the building blocks."""
    return _grouped("parts/")


def _grouped(prefix: str) -> dict[str, dict[str, bytes]]:
    """Return the files below a directory, by the directories in it."""
    groups: dict[str, dict[str, bytes]] = {}
    for path, content in _quadlets().items():
        if path.startswith(prefix):
            _, name, inner = path.split("/", 2)
            groups.setdefault(name, {})[inner] = content
    return groups
