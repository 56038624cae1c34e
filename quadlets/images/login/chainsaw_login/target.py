"""Where a visitor goes after the login."""

from __future__ import annotations

import re
from urllib.parse import unquote

LONGEST = 2048
# Printable ASCII without the backslash, which browsers take for a slash; a second slash would begin the name of a host.
PATH = re.compile(r"/(?!/)[!-\[\]-~]*")
OWN = "/.chainsaw/"


def target_in(query: str) -> str:
    """Return the target that a query names: all after its `to=`, which may be percent-encoded as a whole or not."""
    if not query.startswith("to="):
        return "/"
    target = query.removeprefix("to=")
    return local(unquote(target, errors="replace") if target[:3].upper() == "%2F" else target)


def local(target: str) -> str:
    """Return the target if it is a path on this host, and otherwise the root."""
    if len(target) > LONGEST or not PATH.fullmatch(target):
        return "/"
    path = re.split(r"[?#]", target)[0].lower().replace("%2e", ".")
    if path.startswith(OWN) or {".", ".."} & set(path.split("/")):
        return "/"
    return target
