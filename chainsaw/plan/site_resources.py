"""All of a host that belongs to no instance, in one list: what a backup of the site holds, and what is made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from chainsaw.model.names import FRONT, LOGINS
from chainsaw.model.paths import Paths

SITE = "site"
"""The directory of a site's backup that holds it all."""
OWN, FRONT_DATA = f"{SITE}/own", f"{SITE}/front"
SERVICE = 1000
"""The user of the login service in its container."""


@dataclass(frozen=True)
class SiteResource:
    """A directory or a file that a backup of the site holds under the path `kept_as`, but for what `excludes` says."""

    path: str
    kept_as: str
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Owned:
    """Files in a backup of the site that belong to a part of chainsaw itself: to a user in its container."""

    pattern: str
    part: str
    user: int
    mode: int


OWNED = (
    Owned(f"{FRONT_DATA}/certificates/*certificate.pem", FRONT, 0, 0o444),
    Owned(f"{FRONT_DATA}/certificates/*.pem", FRONT, 0, 0o400),
    Owned(f"{SITE}/logins/session_key", LOGINS, SERVICE, 0o400),
)
"""The first whose pattern fits counts; a star stands for any text."""


def site_trees(paths: Paths) -> tuple[SiteResource, ...]:
    """Return the directories that a backup of the site holds."""
    return (
        # A lock of git is of no use to another process, and its examples of hooks are no work of the admin's.
        SiteResource(paths.own_files, OWN, (".git/index.lock", ".git/hooks/*.sample", "*.partial")),
        SiteResource(paths.recipes, f"{SITE}/recipes"),
        SiteResource(paths.site_secrets, f"{SITE}/secrets"),
        SiteResource(paths.front, FRONT_DATA, ("buffers",)),
        # The copy of the users is written again by apply. A session that was ended must not come back.
        SiteResource(paths.logins, f"{SITE}/logins", ("users", "sessions")),
    )


def site_files(paths: Paths) -> tuple[SiteResource, ...]:
    """Return the files that a backup of the site holds beside the directories."""
    return (
        SiteResource(paths.chosen_file, f"{SITE}/chosen.json"),
        SiteResource(paths.site_id, f"{SITE}/site.json"),
    )


def site_resources(paths: Paths) -> tuple[SiteResource, ...]:
    """Return all that a backup of the site holds."""
    return (*site_trees(paths), *site_files(paths))


def made_again(paths: Paths) -> Iterator[tuple[str, str]]:
    """Yield what is of the site and in no backup of it, each with the reason."""
    yield paths.generations, "compiled from the admin's files"
    yield paths.quadlet_link, "a link to the current generation"
    yield paths.unit_links, "links to the current generation"
    yield paths.static, "exported from images"
    yield paths.sockets, "made by systemd and the applications"
    yield paths.public, "volumes of instances, and challenges of certificates"
    yield paths.buffers, "what the front remembers of answers"
    yield f"{paths.logins}/users", "a copy of the users"
    yield f"{paths.root}/sources", "fetched again by chainsaw source update: what is installed comes along"
    yield f"{paths.root}/instances", "in the backup of each instance"
    yield paths.backups, "the backups themselves"
    yield paths.rebuilding, "there while a host is rebuilt"
    yield f"{paths.state}/chainsaw", "locks, logs, and what this host remembers of its own past"
    yield paths.stamps, "when timers ran last"


def owned_by(path: str) -> Owned | None:
    """Return whose a file in a backup of the site is, and with which mode; None for the admin's own."""
    return next((item for item in OWNED if fnmatchcase(path, item.pattern)), None)
