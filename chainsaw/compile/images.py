"""Images by content: the reference of a built image is a digest of all that it is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from chainsaw.load.recipe import Bundle, files_digest

UPSTREAM_BASE = "docker.io/library/debian:trixie-slim"


@dataclass(frozen=True)
class Build:
    """One image to build: its reference, its context by path, and the reference that ARG BASE receives."""

    reference: str
    context: Mapping[str, bytes]
    base: str


def shared_build(name: str, shared: Mapping[str, Mapping[str, bytes]]) -> Build:
    """Return the build of a shared image; `base` stands on Debian's image, all others on `base`."""
    base = UPSTREAM_BASE if name == "base" else shared_build("base", shared).reference
    return _build(name, shared[name], base)


def recipe_build(bundle: Bundle, image: str, shared: Mapping[str, Mapping[str, bytes]]) -> Build:
    """Return the build of a recipe's image that has a Containerfile."""
    declared = bundle.recipe.images[image]
    assert declared.build is not None, image
    base = shared_build(declared.base, shared).reference
    return _build(f"{bundle.recipe.name}-{image}", bundle.below(declared.build), base)


def image_reference(bundle: Bundle, image: str, shared: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the reference of a recipe's image: by content when built, as declared when pulled."""
    return bundle.recipe.images[image].reference or recipe_build(bundle, image, shared).reference


def _build(name: str, context: Mapping[str, bytes], base: str) -> Build:
    digest = sha256(f"{base}\0{files_digest(context)}".encode()).hexdigest()[:16]
    return Build(f"localhost/chainsaw/{name}:{digest}", context, base)
