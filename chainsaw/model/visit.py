r"""The access log of the front: a line for each request, as quadlets/nginx/formats.conf.j2 has nginx write it.

nginx writes a control character, a quote, a backslash and each byte that is not ASCII as \xHH (log_format,
escape=default), so a visitor can neither end a field nor begin a line. Lines of earlier versions end after the agent.
What later versions add stands at the end, as NAME=VALUE, and is passed over here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE = re.compile(
    r'(?P<site>\S+) (?P<address>\S+) (?P<login>[^"]*) "(?P<request>[^"]*)" (?P<status>[0-9]{3}) (?P<size>[0-9]+)'
    r' (?P<seconds>[0-9]+)\.(?P<thousandths>[0-9]{3}) "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)"'
    r"(?: host=(?P<host>\S+) upstream=(?P<upstream>\S+) cache=(?P<cache>\S+) id=(?P<id>\S+))?(?: [a-z_]+=\S*)*",
    re.ASCII,
)
_LEFT_OUT = re.compile(r"(?:(\S+) )?([0-9]+) lines were left out in [0-9]+ seconds: too many", re.ASCII)
"""What quadlets/programs/logs.py says in the place of lines; without a site, of all that the front logs."""
_ESCAPED = re.compile(r"(?:\\x[0-9A-F]{2})+")
ABSENT = "-"


class Visit(NamedTuple):
    """One request, its fields as they are in the line; the last four are None in a line of an earlier version.

    `size` is in bytes without the header. `upstream` is how long the application took, in seconds, `cache` what nginx
    says of its cache: HIT, MISS and others, or - where there is none ($upstream_cache_status).
    """

    site: str
    address: str
    login: str
    request: str
    status: str
    size: str
    seconds: str
    thousandths: str
    referrer: str
    agent: str
    host: str | None
    upstream: str | None
    cache: str | None
    id: str | None

    @property
    def path(self) -> str:
        """What was asked for, without the query, which may be private."""
        words = self.request.split(" ", 2)
        return (words[1] if len(words) > 1 else words[0]).partition("?")[0]

    @property
    def milliseconds(self) -> int:
        """How long the answer took, from the first byte of the request to the last one of the answer."""
        return int(self.seconds + self.thousandths)


def read_line(text: str) -> Visit | None:
    """Return the request of a line; None for what is no such line."""
    found = _LINE.fullmatch(text)
    return Visit._make(found.groups()) if found else None


def read_left_out(text: str) -> tuple[str, int] | None:
    """Return the site and the number of lines that are missing, where a line says that; "" is the site of all."""
    found = _LEFT_OUT.fullmatch(text)
    return (found[1] or "", int(found[2])) if found else None


def unescaped(field: str) -> str:
    """Return a field as the visitor sent it; it may have control characters, and what is not UTF-8 is replaced."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode(errors="replace"), field)
