"""The page of an instance under test, and what a browser would load with it."""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from chainsaw.host.web import Answer, shortfall
from chainsaw.model.deployment import Deployment
from chainsaw.work.trial.problem import wrong
from chainsaw.work.trial.scene import Scene

KINDS = {"css": ("text/css",), "js": ("javascript",)}
OPENING = re.compile(r"\bnew (?:[\w$]+\.)*WebSocket\(")
SILENT = (
    "opens websockets, and serve.http does not say what becomes of them: websockets: true passes them on, "
    "websockets: false says that they are not needed"
)
SCRIPTS = 50
"""Scripts that are read at most."""


def check_page(scene: Scene, name: str) -> dict[str, str]:
    """Return the first assets of an instance's page; raise ChainsawError when one has a wrong answer or type."""
    deployment = scene.deployment(name)
    answer = scene.get(name, deployment.probe.path)
    if problem := shortfall(answer, deployment.probe):
        raise wrong(f"{deployment.probe.path} {problem}")
    assets = first_assets(answer.text, _url(deployment, deployment.probe.path))
    for kind, path in assets.items():
        found = scene.get(name, path)
        if found.status != 200 or not found.body or not _is_kind(found, kind):
            shown = found.headers.get("content-type", "without a type")
            size = f"{len(found.body)} bytes, {shown}"
            raise wrong(f"the {kind} {path} answers {found.status}, {size}:{found.excerpt}")
    return assets


def _url(deployment: Deployment, path: str) -> str:
    """Return the URL of a path on an instance's host, with the port of the front if that is not the usual one."""
    return urljoin(deployment.url, path)


def _is_kind(answer: Answer, kind: str) -> bool:
    return any(word in answer.headers.get("content-type", "") for word in KINDS[kind])


def check_websockets(scene: Scene, name: str) -> None:
    """Raise ChainsawError when a script of an application opens websockets, and its recipe says nothing of them.

    All scripts are read that the page of the probe, the front page and that of the login have on their own host.
    """
    recipe = scene.recipe(name)
    if recipe.serve.http is None or "websockets" in recipe.serve.http.model_fields_set:
        return
    deployment = scene.deployment(name)
    paths = ["/", *([recipe.login.path] if recipe.login else [])]
    pages = dict.fromkeys([deployment.probe.path, *(deployment.route.path + path.lstrip("/") for path in paths)])
    seen = set[str]()
    for page in pages:
        answer = scene.get(name, page)
        if opens_websockets(answer.text):
            raise wrong(f"{page} {SILENT}")
        for path in scripts(answer.text, _url(deployment, page)):
            if path not in seen and len(seen) < SCRIPTS and opens_websockets(scene.get(name, path).text):
                raise wrong(f"{path}, a script of {page}, {SILENT}")
            seen.add(path)


def opens_websockets(script: str) -> bool:
    """Return whether a script, or a page with scripts in it, makes a WebSocket."""
    return OPENING.search(script) is not None


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
    return {kind: paths[0] for kind, paths in _assets(page, url).items() if paths}


def scripts(page: str, url: str) -> list[str]:
    """Return the path and query of all scripts that a page has on its own host."""
    return _assets(page, url)["js"]


def _assets(page: str, url: str) -> dict[str, list[str]]:
    finder = _Finder()
    with suppress(AssertionError):  # raised by HTMLParser for unknown markup
        finder.feed(page)
    base = _joined(url, finder.base) or url
    own = urlsplit(url).netloc
    found: dict[str, list[str]] = {}
    for kind, references in finder.found.items():
        parts = [urlsplit(_joined(base, reference)) for reference in references]
        found[kind] = [_request_of(item) for item in parts if item.netloc == own and item.scheme == "https"]
    return found


def _request_of(parts: SplitResult) -> str:
    return quote(parts.path, safe=SAFE) + (f"?{quote(parts.query, safe=SAFE)}" if parts.query else "")
