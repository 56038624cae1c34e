"""The pages that the front shows when there is nothing else to show, each in the language of whom it stands in for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from chainsaw.compile.context import Shared
from chainsaw.compile.template import render
from chainsaw.load.yaml import read_yaml
from chainsaw.model.artifact import Artifact
from chainsaw.model.site import DEFAULTS

LARGE, MAINTENANCE, MISSING, UNAVAILABLE = "large", "maintenance", "missing", "unavailable"
FORBIDDEN, GONE, MANY, REFUSED = "forbidden", "gone", "many", "refused"
DIRECTORY = "nginx/pages"
"""Where the pages of a site are, and in quadlets/ the texts for them: a file for each language."""
TEMPLATE = "nginx/page.html.j2"
LIMIT = "{limit}"
"""What stands in a text for the size of the largest upload."""
UNITS = {"": "bytes", "K": "kB", "M": "MB", "G": "GB"}


def page_files(
    shared: Shared, language: str, pages: tuple[str, ...], owner: str = "", limit: str = ""
) -> Iterator[Artifact]:
    """Yield pages of one instance, or without an owner of the site; a language that has no texts is English.

    `limit` is the size of the largest upload.
    """
    known = next(name for name in _closest(language) if _place(name) in shared.templates)
    texts = _texts(_place(known), shared.templates[_place(known)])
    directory = f"{DIRECTORY}/.chainsaw/{owner}".rstrip("/")
    for page in pages:
        words = {name: text.replace(LIMIT, _in_words(limit)) for name, text in texts[page].items()}
        context = {"language": known.replace("_", "-"), **words}
        text = render(f"quadlets/{TEMPLATE}", shared.templates[TEMPLATE], context)
        yield Artifact(f"{directory}/{page}.html", text.encode(), owner)


def _in_words(size: str) -> str:
    """Return a checked size as people write it: 64 MB."""
    return f"{size.rstrip('KMG')} {UNITS[size.lstrip('0123456789')]}"


def _closest(language: str) -> tuple[str, ...]:
    return language, language.partition("_")[0], DEFAULTS["language"]


def _place(language: str) -> str:
    return f"{DIRECTORY}/{language}.yaml"


@lru_cache(maxsize=64)
def _texts(place: str, text: str) -> Any:
    return read_yaml(f"quadlets/{place}", text).value
