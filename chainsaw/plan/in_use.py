"""What the rest of a site uses of that which instances share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chainsaw.model.deployment import Deployment


@dataclass(frozen=True)
class InUse:
    """What the rest of the site uses: hosts, keys of static files, recipes by origin and digest, images.

    `parents` are, by reference, on which image each stands that is built here.
    """

    hosts: frozenset[str] = frozenset()
    static: frozenset[str] = frozenset()
    recipes: frozenset[tuple[str, str]] = frozenset()
    images: frozenset[str] = frozenset()
    parents: Mapping[str, str] = field(default_factory=dict)


def in_use(
    rest: Sequence[Deployment], images: Iterable[str], chosen: Iterable[str], parents: Mapping[str, str] | None = None
) -> InUse:
    """Return what the other instances use; `images` are references, `chosen` recipes that were installed by hand."""
    stands_on = parents or {}
    return InUse(
        hosts=frozenset(host for item in rest for host in item.hosts),
        static=frozenset(item.static.key for item in rest if item.static),
        recipes=frozenset((item.origin, item.digest) for item in rest) | frozenset((origin, "") for origin in chosen),
        images=frozenset(item for image in images for item in with_parents(image, stands_on)),
        parents=stands_on,
    )


def with_parents(image: str, parents: Mapping[str, str]) -> list[str]:
    """Return an image and those on which it stands, itself first."""
    found: list[str] = []
    while image and image not in found:
        found.append(image)
        image = parents.get(image, "")
    return found


def unused_images(present: Iterable[str], used: Iterable[str], parents: Mapping[str, str]) -> list[str]:
    """Return the images that nothing uses and nothing that is used stands on; `parents` are by reference."""
    kept = {image for reference in used for image in with_parents(reference, parents)}
    return sorted(set(present) - kept)
