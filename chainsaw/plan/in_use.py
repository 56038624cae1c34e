"""The shared resources that the other instances of a site use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chainsaw.model.deployment import Deployment


@dataclass(frozen=True)
class InUse:
    """What the rest of the site uses: hosts, keys of static files, recipes by origin and digest, images.

    `parents` are the base images of the images that are built here, by reference.
    """

    hosts: frozenset[str] = frozenset()
    static: frozenset[str] = frozenset()
    recipes: frozenset[tuple[str, str]] = frozenset()
    images: frozenset[str] = frozenset()
    parents: Mapping[str, str] = field(default_factory=dict)


def in_use(
    rest: Sequence[Deployment], images: Iterable[str], chosen: Iterable[str], parents: Mapping[str, str] | None = None
) -> InUse:
    """Return what the other instances use; `images` are references, `chosen` are recipes installed by name."""
    known_parents = parents or {}
    return InUse(
        hosts=frozenset(host for item in rest for host in item.hosts),
        static=frozenset(item.static.key for item in rest if item.static),
        recipes=frozenset((item.origin, item.digest) for item in rest) | frozenset((origin, "") for origin in chosen),
        images=frozenset(item for image in images for item in with_parents(image, known_parents)),
        parents=known_parents,
    )


def with_parents(image: str, parents: Mapping[str, str]) -> list[str]:
    """Return an image and its base images, itself first."""
    found: list[str] = []
    while image and image not in found:
        found.append(image)
        image = parents.get(image, "")
    return found


def unused_images(present: Iterable[str], used: Iterable[str], parents: Mapping[str, str]) -> list[str]:
    """Return the images that are not used, and are not the base of a used one; `parents` are by reference."""
    kept = {image for reference in used for image in with_parents(reference, parents)}
    return sorted(set(present) - kept)
