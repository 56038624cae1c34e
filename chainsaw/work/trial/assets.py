"""The first stylesheet and the first script of a page: a page without them answers 200 and is broken all the same."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit


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


def first_assets(page: str, url: str) -> dict[str, str]:
    """Return the path and query of the first stylesheet (css) and script (js) that a page has on its own host."""
    finder = _Finder()
    finder.feed(page)
    base = urljoin(url, finder.base) if finder.base else url
    own = urlsplit(url).netloc
    first: dict[str, str] = {}
    for kind, references in finder.found.items():
        for reference in references:
            parts = urlsplit(urljoin(base, reference))
            if parts.netloc == own and parts.scheme == "https":
                first[kind] = parts.path + (f"?{parts.query}" if parts.query else "")
                break
    return first
