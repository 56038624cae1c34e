"""The page of an instance under test, and what a browser would load with it."""

from __future__ import annotations

from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.web import Answer
from chainsaw.work.trial.scene import Scene

KINDS = {"css": ("text/css",), "js": ("javascript",)}


def check_page(scene: Scene, name: str) -> dict[str, str]:
    """Return the first assets of an instance's page; raise ChainsawError when one has a wrong answer or type."""
    deployment = scene.deployment(name)
    answer = scene.get(name, deployment.probe.path)
    if answer.status != deployment.probe.status:
        raise _wrong(f"{deployment.probe.path} answers {answer.status}")
    assets = first_assets(answer.text, f"https://{deployment.route.host}{deployment.probe.path}")
    for kind, path in assets.items():
        found = scene.get(name, path)
        if found.status != 200 or not found.body or not _is_kind(found, kind):
            shown = found.headers.get("content-type", "without a type")
            raise _wrong(f"the {kind} {path} answers {found.status}, {len(found.body)} bytes, {shown}")
    return assets


def _is_kind(answer: Answer, kind: str) -> bool:
    return any(word in answer.headers.get("content-type", "") for word in KINDS[kind])


def _wrong(message: str) -> ChainsawError:
    return ChainsawError(Diagnostic("level", message))


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
