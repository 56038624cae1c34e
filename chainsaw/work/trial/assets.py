"""Finds the first stylesheet and script of a page, because a page may answer 200 and still miss them."""

from __future__ import annotations

from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: dict[str, list[str]] = {"css": [], "js": []}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and given.get("href") and not self.base:
            self.base = given["href"]
        if tag == "link" and "stylesheet" in given.get("rel", "").lower().split() and given.get("href"):
            self.found["css"].append(given["href"])
        if tag == "script" and given.get("src"):
            self.found["js"].append(given["src"])


SAFE = "%/?:@!$&'()*+,;=-._~"


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference) if reference else ""
    except ValueError:
        return ""


def first_assets(page: str, url: str) -> dict[str, str]:
    """Return the path and query of the first stylesheet (css) and script (js) that a page has on its own host."""
    finder = _Finder()
    with suppress(AssertionError):  # raised by HTMLParser for unknown markup
        finder.feed(page)
    base = _joined(url, finder.base) or url
    own = urlsplit(url).netloc
    first: dict[str, str] = {}
    for kind, references in finder.found.items():
        for reference in references:
            parts = urlsplit(_joined(base, reference))
            if parts.netloc == own and parts.scheme == "https":
                path = quote(parts.path, safe=SAFE)
                first[kind] = path + (f"?{quote(parts.query, safe=SAFE)}" if parts.query else "")
                break
    return first
