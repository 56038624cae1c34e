"""The front's files for the login before one instance: which requests need one, who is asked, and what follows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from chainsaw.compile.context import Job
from chainsaw.compile.header import marked
from chainsaw.compile.template import render
from chainsaw.model.access import Wall, allowed
from chainsaw.model.artifact import Artifact

PERSON, CLIENT = "1", "2"
"""Who has to log in: a person, by the form, or a program, by HTTP Basic; nothing is nobody."""
UNCLEAR = r"^[^?]*(?:%(?!20)[0-7][0-9A-Fa-f]|//|/\.(?!well-known/)|[\x5c;#])"
"""Paths that an application might read otherwise than the front: they never count as open."""
LEAVES = r"^[^?]*(?://|/\.\.?(?:[/?#]|$)|%2[EeFf]|%5[Cc]|[\x5c;#])"
"""Paths that may lead out of the directory with which they begin."""


def wall_of(job: Job) -> Wall | None:
    """Return the login before an instance; None where everybody may visit it."""
    access = job.file.instance.access
    if access is None:
        return None
    identity = job.bundle.recipe.serve.auth.identity
    cookies = identity.cookies if identity and job.takes_identity else ()
    part = access.only or access.open or ""
    known = job.bundle.recipe.serve.auth
    where = job.file.instance.path + (known.admin[0].lstrip("/") if access.only and known.admin else "")
    return Wall(allow=allowed(access), forward=access.forward or "", part=part, cookies=cookies, asks_at=where)


def identity_of(job: Job) -> list[tuple[str, str]]:
    """Return the headers, or FastCGI parameters, by which an application is told who is logged in: (name, variable)."""
    identity = job.bundle.recipe.serve.auth.identity
    if identity is None or not job.takes_identity:
        return []
    return [(identity.user, "visitor"), *([(identity.groups, "visitor_groups")] if identity.groups else [])]


def access_files(job: Job, locations: dict[str, Any]) -> Iterator[Artifact]:
    """Yield the nginx files of the login before an instance; `locations` is the context of its other files."""
    wall = wall_of(job)
    if wall is None:
        return
    context = {**locations, "allow": ",".join(wall.allow), "provider": None, "rules": list(_rules(job))}
    # Of a request, nginx counts one limit alone: before an application it is the application's.
    context["limited"] = job.bundle.recipe.serve.files is not None
    access = job.file.instance.access
    context["default"] = "" if access and access.only else PERSON
    if wall.forward and (provider := job.providers.get(wall.forward)):
        context["provider"] = provider
    for place, template in (
        (f"nginx/access/{job.name}.conf", "wall.conf.j2"),
        (f"nginx/locations/{job.name}.access", "access.conf.j2"),
    ):
        text = render(f"quadlets/nginx/{template}", job.shared.templates[f"nginx/{template}"], context)
        yield Artifact(place, marked(job.origin, text).encode(), job.name)


def _rules(job: Job) -> Iterator[tuple[str, str]]:
    """Yield (pattern of the address as it was written, who has to log in); the first that matches holds."""
    access, known = job.file.instance.access, job.bundle.recipe.serve.auth
    assert access
    clients = () if access.only else tuple(path for path in known.clients if not (access.open and path in known.public))
    if clients:
        if "/" not in clients:
            yield f"~{LEAVES}", PERSON
        yield from ((f"~{pattern}", CLIENT) for pattern in patterns_of(job, clients))
    if access.only or access.open:
        yield f"~{UNCLEAR}", PERSON
        yield from ((f"~{pattern}", "") for pattern in patterns_of(job, known.public))
    if access.only:
        # An application may take /Admin/ for /admin/.
        yield from ((f"~*{pattern}", PERSON) for pattern in patterns_of(job, known.admin, _before(job)))


def _before(job: Job) -> str:
    """Return the pattern of a script that may stand before a path: some applications read only what is behind it.

    For Slim, that need not begin with a slash.
    """
    served = job.bundle.recipe.serve.fastcgi
    endings = "|".join(map(re.escape, served.scripts)) if served else ""
    return f"(?:[^?]*(?:{endings})/*)?" if endings else ""


def patterns_of(job: Job, paths: Iterable[str], before: str = "") -> Iterator[str]:
    """Yield the pattern of each path below the route, behind the pattern `before`: itself, and all below it."""
    base = job.file.instance.path
    for path in paths:
        below = before + re.escape(path.strip("/"))
        yield f"^{re.escape(base) + below if path != '/' else re.escape(base.rstrip('/'))}(?:[/?#]|$)"
