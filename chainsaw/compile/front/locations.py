"""The front's files for one instance: its locations and its document roots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from chainsaw.compile.context import Job
from chainsaw.compile.front.access import access_files, identity_of, wall_of
from chainsaw.compile.front.cache import cache_files
from chainsaw.compile.front.pages import (
    FORBIDDEN,
    LARGE,
    MAINTENANCE,
    MANY,
    MISSING,
    REFUSED,
    UNAVAILABLE,
    page_files,
)
from chainsaw.compile.header import marked
from chainsaw.compile.images import image_reference
from chainsaw.compile.template import render
from chainsaw.errors import invalid
from chainsaw.model.artifact import Artifact
from chainsaw.model.names import check_header_value, size_in_bytes
from chainsaw.model.serve import FastCgi

BUFFERED = 128 * 2**20
"""Bytes of an upload that the front takes in before the application is asked; larger ones pass through."""


def static_key(job: Job) -> tuple[str, str]:
    """Return the name below static/ of the files of the primary's document root, and the image's reference."""
    recipe = job.bundle.recipe
    assert recipe.primary
    assert recipe.serve.fastcgi
    reference = image_reference(job.bundle, recipe.primary.image, job.shared.images)
    served = recipe.serve.fastcgi
    digest = sha256("\0".join([reference, served.root, *served.scripts]).encode()).hexdigest()[:16]
    return f"{recipe.name}-{digest}", reference


def location_files(job: Job) -> Iterator[Artifact]:
    """Yield the nginx files of one instance, each below nginx/."""
    served, refusal = job.bundle.recipe.serve, (FORBIDDEN,) if job.file.instance.published.allow else ()
    if job.file.instance.serving != "normal":
        page = MAINTENANCE if job.file.instance.serving == "maintenance" else UNAVAILABLE
        yield _file(job, f"{job.name}.conf", "closed.conf.j2", page=page)
        yield from _shared(job)
        yield from _pages(job, LARGE, page, *refusal)
        return
    wall, busy = wall_of(job), () if served.files else (MANY,)
    yield from _shared(job)
    yield from access_files(job, _context(job))
    yield from cache_files(job, _context(job))
    yield from _pages(job, LARGE, MISSING, UNAVAILABLE, *refusal, *((REFUSED,) if wall else ()), *busy)
    if _dropped(job):
        yield _file(job, f"{job.name}.headers", "headers.conf.j2")
    if not served.files:
        yield _file(job, f"{job.name}.visitor", "visitor.conf.j2", protocol="fastcgi" if served.fastcgi else "proxy")
    if served.fastcgi:
        yield from _fastcgi(job, served.fastcgi)
    elif served.files:
        index, fallback = served.files.index, served.files.fallback
        yield _file(job, f"{job.name}.conf", "files.conf.j2", index=index, fallback=fallback)
        yield _root(job, job.name, job.file.instance.path, f"/srv/public/{job.name}/{served.files.volume}")
    elif served.http:
        patience = job.file.instance.published.websocket_timeout
        buffering = size_in_bytes(job.context["upload_limit"]) <= BUFFERED
        yield _file(job, f"{job.name}.params", "http-params.conf.j2", headers=_headers(job), buffering=buffering)
        yield _file(
            job, f"{job.name}.conf", "http.conf.j2", websockets=served.http.websockets, websocket_timeout=patience
        )


def _shared(job: Job) -> Iterator[Artifact]:
    """Yield what all locations of an instance include, and the networks that may visit it."""
    published = job.file.instance.published
    answered = sorted(published.headers.items())
    known = {"allow": published.allow, "variable": variable(job.name)}
    wall = wall_of(job) if job.file.instance.serving == "normal" else None
    provider = job.providers.get(wall.forward) if wall else None
    yield _file(job, f"{job.name}.answer", "answer.conf.j2", robots=published.robots, answer_headers=answered)
    yield _file(job, f"{job.name}.shared", "shared.conf.j2", **known, wall=wall, forwarded=provider)
    if published.allow:
        text = render(
            "quadlets/nginx/networks.conf.j2",
            job.shared.templates["nginx/networks.conf.j2"],
            {"name": job.name, **known},
        )
        yield Artifact(f"nginx/networks/{job.name}.conf", marked(job.origin, text).encode(), job.name)


def variable(name: str) -> str:
    """Return the part of an nginx variable's name that stands for an instance."""
    return name.replace("-", "_")


def _fastcgi(job: Job, served: FastCgi) -> Iterator[Artifact]:
    yield _file(job, f"{job.name}.params", "fastcgi-params.conf.j2", root=served.root, buffering=served.buffering)
    yield _file(
        job,
        f"{job.name}.conf",
        "fastcgi.conf.j2",
        root=served.root,
        index=served.index,
        deny="|".join(re.escape(path.strip("/")) for path in served.deny),
        scripts="|".join(re.escape(ending) for ending in served.scripts),
        public=list(_public_locations(job)),
    )
    yield _root(job, job.name, job.file.instance.path, f"/srv/static/{static_key(job)[0]}")
    for volume, where in _public(job):
        yield _root(job, f"{job.name}.{volume}", where, f"/srv/public/{job.name}/{volume}")


def _pages(job: Job, *pages: str) -> Iterator[Artifact]:
    robots = job.file.instance.published.robots if job.file.instance.path == "/" else None
    yield _file(job, f"{job.name}.pages", "pages.conf.j2", pages=pages, robots=robots)
    yield from page_files(job.shared, job.context["language"], pages, job.name, job.context["upload_limit"])


def _headers(job: Job) -> list[tuple[str, str]]:
    """Return the header fields that a recipe adds to each request; their values are checked again after rendering."""
    served = job.bundle.recipe.serve.http
    found = []
    for name, text in sorted(served.headers.items()) if served else ():
        path = ("serve", "http", "headers", name)
        value = job.value(path, text)
        try:
            found.append((name, check_header_value(value)))
        except ValueError as error:
            raise invalid(job.bundle.source.problem(path, str(error), code="header")) from None
    return found


def _public(job: Job) -> Iterator[tuple[str, str]]:
    """Yield (volume, URL path on the host) of each public volume."""
    for name, volume in sorted(job.bundle.recipe.volumes.items()):
        if volume.public is not None:
            yield name, job.file.instance.path + volume.public.lstrip("/")


def _public_locations(job: Job) -> Iterator[dict[str, str]]:
    for volume, where in _public(job):
        yield {"location": where, "root": f"{job.name}.{volume}"}


def _file(job: Job, filename: str, template: str, **extra: Any) -> Artifact:
    where = f"quadlets/nginx/{template}"
    text = render(where, job.shared.templates[f"nginx/{template}"], {**_context(job), **extra})
    return Artifact(f"nginx/locations/{filename}", marked(job.origin, text).encode(), job.name)


def _dropped(job: Job) -> tuple[str, ...]:
    """Return the request headers that never arrive from a visitor, beside the usual ones."""
    served = job.bundle.recipe.serve
    identity = served.auth.identity if served.http else None
    own = (identity.user, identity.groups) if identity else ()
    return tuple(dict.fromkeys((*served.drop_headers, *(name for name in own if name))))


def _context(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "variable": variable(job.name),
        "host": job.file.instance.host,
        "path": job.file.instance.path,
        "https": job.site.ports.https,
        "port_suffix": job.site.ports.suffix,
        "upload_limit": job.context["request_limit"],
        "upstream": f"unix:/srv/sockets/{job.name}.sock",
        "drops": _dropped(job),
        "timeout": job.timeout,
        "wall": wall_of(job),
        "identity": identity_of(job),
        "kept": job.kept_seconds,
    }


def _root(job: Job, root: str, path: str, target: str) -> Artifact:
    """Return the link that makes root + URL path the target, so that nginx needs neither alias nor rewrite."""
    place = f"nginx/roots/{root}{path}".rstrip("/")
    return Artifact(place, target.encode(), job.name, 0o777, link=True)
