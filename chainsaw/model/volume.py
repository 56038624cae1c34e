"""Directories that a deployment needs, and the volumes among them: its data."""

from __future__ import annotations

from typing import Literal

from chainsaw.model.base import Recorded

Owner = Literal["application", "admin"]


class Ids(Recorded):
    """Who owns a path: ids of the host."""

    uid: int
    gid: int


class Directory(Recorded):
    """A directory that must exist: an absolute path, an octal mode, and its owner, None for the admin."""

    path: str
    mode: int
    ids: Ids | None = None


class Volume(Directory):
    """A directory of data, by the name that the recipe gives it.

    `owner` says who writes to it, `public` is the URL path below the route at which the front serves it, `seed` is the
    recipe and its directory that a new volume is a copy of, `components` are those that mount it.
    """

    name: str
    owner: Owner = "application"
    public: str | None = None
    seed: tuple[str, str] | None = None
    components: tuple[str, ...] = ()
