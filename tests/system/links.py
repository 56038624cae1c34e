"""A link checker: follows the links of a site, and says which of them are broken and where a former place is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urldefrag, urljoin

from .web import Answer

ATTRIBUTE = re.compile(r"""\b(?:href|src|srcset|data-full-url|data-orig-file)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
META = re.compile(r"""<meta [^>]*(?:property|name)="(?:og|twitter):[^>]*content="(https?:[^"]*)""")
ELEMENT = re.compile(r"<(?:loc|link|comments|wfw:commentRss|image:loc)>([^<]+)</")
STYLE = re.compile(r"""url\(["']?([^"')]+)["']?\)""")
IDENTIFIER = re.compile(r'<guid isPermaLink="false">[^<]*</guid>|<id>[^<]*</id>|<thr:in-reply-to ref="[^"]*"')
"""What feeds call an entry by. It looks like a link; readers of a feed take an entry with another one for new."""
NO_LINKS = ("guid", "_links")
REDIRECTS = (301, 302, 307, 308)


@dataclass
class Found:
    """What a check found: what was answered, and what was wrong."""

    answers: dict[str, Answer] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    former: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Return everything that was wrong."""
        return self.broken + self.former


@dataclass(frozen=True)
class Checker:
    """Checks one site. What is `skipped` is not followed; a text in `kept` may contain the former place."""

    get: Callable[[str], Answer]
    site: str
    former: str
    kept: tuple[str, ...] = ()
    skipped: str = r"(?!)"

    def check(self, *paths: str) -> Found:
        """Follow all links of the site that can be reached from some paths."""
        found = Found()
        waiting = {urljoin(self.site, path): "the start" for path in paths}
        known = set(waiting)
        while waiting:
            url, origin = waiting.popitem()
            answer = self.get(url)
            found.answers[url] = answer
            leads = [answer.headers["location"]] if answer.status in REDIRECTS else []
            if answer.status != 200 and not leads:
                found.broken.append(f"{url}, of {origin}: {answer.status}")
            text = _text(answer)
            found.former += [f"{url} names {line}" for line in self._former(text + "\n".join(leads))]
            for link in (*leads, *_links(answer, text)):
                whole = urldefrag(urljoin(url, link))[0]
                if whole.startswith(self.site) and whole not in known and not re.search(self.skipped, whole):
                    known.add(whole)
                    waiting[whole] = url
        return found

    def _former(self, text: str) -> Iterator[str]:
        for kept in self.kept:
            text = text.replace(kept, "").replace(kept.replace("/", r"\/"), "")
        at = re.escape(self.former).replace("/", r"(?:\\*/|%2F)")
        for match in re.finditer(at, text, re.IGNORECASE):
            yield text[max(0, match.start() - 60) : match.end() + 60]


def _kind(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


def _text(answer: Answer) -> str:
    """Return what a person or a program may take a link from."""
    kind = _kind(answer)
    if kind == "application/json":
        return "\n".join(_strings(json.loads(answer.body)))
    if kind.startswith("image/") and kind != "image/svg+xml":
        return ""
    return IDENTIFIER.sub("", answer.body) if kind.endswith("xml") else answer.body


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in NO_LINKS:
                yield from _strings(item)


def _links(answer: Answer, text: str) -> Iterator[str]:
    kind = _kind(answer)
    if kind.endswith(("javascript", "plain")):
        return
    for match in (*ATTRIBUTE.finditer(text), *META.finditer(text), *ELEMENT.finditer(text), *STYLE.finditer(text)):
        value = unescape(next(group for group in match.groups() if group is not None)).strip()
        pieces = [piece.split()[0] for piece in value.split(",") if piece.strip()] if "srcset" in match[0] else [value]
        yield from (piece for piece in pieces if piece and not piece.startswith(("data:", "mailto:", "javascript:")))
    if kind == "application/json":
        yield from (line for line in text.splitlines() if re.fullmatch(r"https?://\S+", line))
