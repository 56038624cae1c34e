"""Images by content: the tag of a built image is a digest of all its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from chainsaw.errors import invalid
from chainsaw.load.check import nearest
from chainsaw.load.recipe import Bundle, files_digest

UPSTREAM_BASE = "docker.io/library/debian:trixie-slim"


@dataclass(frozen=True)
class Build:
    """One image to build: its reference, its context by path, and the reference that ARG BASE receives."""

    reference: str
    context: Mapping[str, bytes]
    base: str


def shared_build(name: str, shared: Mapping[str, Mapping[str, bytes]]) -> Build:
    """Return the build of a shared image; `base` is based on Debian's image, all others on `base`."""
    base = UPSTREAM_BASE if name == "base" else shared_build("base", shared).reference
    return _build(name, shared[name], base)


def recipe_build(
    recipe: str, image: str, context: Mapping[str, bytes], base: str, shared: Mapping[str, Mapping[str, bytes]]
) -> Build:
    """Return the build of a recipe's image from its context; `base` is the shared image that it is based on."""
    return _build(f"{recipe}-{image}", context, shared_build(base, shared).reference)


def image_reference(bundle: Bundle, image: str, shared: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the reference of a recipe's image: by content when built, as declared when pulled.

    Raise ChainsawError when it names a shared image that does not exist.
    """
    declared = bundle.recipe.images[image]
    for key in ("shared", "base"):
        name = getattr(declared, key)
        if name and name not in shared:
            hint = f"shared images: {', '.join(sorted(shared))}"
            message = f"no shared image {name!r}{nearest(name, shared)}"
            raise invalid(bundle.source.problem(("images", image, key), message, code="no-shared-image", hint=hint))
    if declared.shared:
        return shared_build(declared.shared, shared).reference
    if declared.build:
        return recipe_build(bundle.recipe.name, image, bundle.below(declared.build), declared.base, shared).reference
    assert declared.reference is not None, image
    return declared.reference


def containerfile(recipe: str, build: str) -> str:
    """Return how messages name the Containerfile of a recipe's image."""
    return f"recipes/{recipe}/{build}/Containerfile"


def _build(name: str, context: Mapping[str, bytes], base: str) -> Build:
    digest = sha256(f"{base}\0{files_digest(context)}".encode()).hexdigest()[:16]
    return Build(f"localhost/chainsaw/{name}:{digest}", context, base)
