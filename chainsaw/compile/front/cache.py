"""The front's files for the answers of one instance that it keeps for a moment, because they are the same for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from chainsaw.compile.context import Job
from chainsaw.compile.front.access import UNCLEAR, patterns_of, wall_of
from chainsaw.compile.header import marked
from chainsaw.compile.template import render
from chainsaw.model.artifact import Artifact
from chainsaw.model.serve import Cache


def kept_directory(job: Job) -> str:
    """Return where the front keeps the answers: what was made for one address is of no use at another."""
    if not job.kept_seconds:
        return ""
    return job.host.paths.kept(job.name, sha256(job.file.instance.url(job.site.ports).encode()).hexdigest()[:12])


def cache_files(job: Job, locations: dict[str, Any]) -> Iterator[Artifact]:
    """Yield the nginx files of the answers that are kept; `locations` is the context of the instance's other files."""
    declared, seconds = job.bundle.recipe.serve.cache, job.kept_seconds
    if declared is None or not seconds:
        return
    # What chainsaw itself asks is to show that the application answers.
    headers = ["authorization", "x_chainsaw_probe", *(name.lower().replace("-", "_") for name in declared.headers)]
    words = "".join(f"$http_{name}" for name in headers) + (f"$wall_{locations['variable']}" if wall_of(job) else "")
    context = {
        **locations,
        "protocol": "fastcgi" if job.bundle.recipe.serve.fastcgi else "proxy",
        # A zone cannot change its directory while nginx runs: another directory is another zone.
        "zone": kept_directory(job).rpartition("/")[2],
        "cookies": "|".join(map(_cookie_pattern, declared.cookies)),
        "patterns": list(_personal(job, declared)),
        "words": words,
        "kept": f"{seconds}s",
    }
    for place, template in (
        (f"nginx/caches/{job.name}.conf", "cache.conf.j2"),
        (f"nginx/locations/{job.name}.kept", "kept.conf.j2"),
    ):
        text = render(f"quadlets/nginx/{template}", job.shared.templates[f"nginx/{template}"], context)
        yield Artifact(place, marked(job.origin, text).encode(), job.name)


def _personal(job: Job, declared: Cache) -> Iterator[str]:
    """Yield the patterns of addresses whose answers may be for one person."""
    yield f"~{UNCLEAR}"
    yield from (f"~*{pattern}" for pattern in patterns_of(job, declared.paths))
    if declared.parts:
        yield f"~*^[^?]*(?:{'|'.join(re.escape(part.rstrip('/')) for part in declared.parts)})(?:[/?]|$)"
    if declared.queries:
        # PHP takes several characters of a name for an underscore, and any program decodes it.
        names = "|".join(re.escape(name).replace("_", r"[_.+\[]") for name in declared.queries)
        yield rf"~*[?&](?:{names})(?:[=&\[]|$)"
        yield r"~[?&][^=&]*%"


def _cookie_pattern(name: str) -> str:
    # PHP takes these characters of a name for an underscore, too.
    word = re.escape(name.rstrip("*")).replace("_", r"[_. \[]")
    return word + ("" if name.endswith("*") else "=")
