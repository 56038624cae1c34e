"""Generated files as values, before they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Artifact:
    """One generated file or symbolic link; its path is relative to the generation, its owner is an instance or ''."""

    path: str
    content: bytes
    owner: str = ""
    mode: int = 0o644
    link: bool = False

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return sha256(self.content).hexdigest()


Tree = Mapping[str, Artifact]
INTENT_OF_SITE = "intent/site.yaml"
"""The copy of site.yaml that a generation was compiled from."""


def intent_path(name: str) -> str:
    """Return the copy of an instance's file that a generation was compiled from."""
    return f"intent/instances/{name}.yaml"


def as_tree(artifacts: Iterable[Artifact]) -> dict[str, Artifact]:
    """Return artifacts by path, in the order of paths; raise ValueError when two have the same path."""
    tree: dict[str, Artifact] = {}
    for artifact in artifacts:
        if artifact.path in tree:
            raise ValueError(f"{artifact.path} is generated twice")
        tree[artifact.path] = artifact
    return dict(sorted(tree.items()))
