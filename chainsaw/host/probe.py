"""The request that shows whether an instance works."""

from __future__ import annotations

import html
import time

from chainsaw.host.web import Asked, Front, request
from chainsaw.model.deployment import ProbeRequest


def probe(host: str, front: Front, wanted: ProbeRequest, patience: float) -> str:
    """Return nothing when the page answers as expected within `patience` seconds, or what was wrong."""
    deadline = time.monotonic() + patience
    while True:
        problem = _ask(host, front, wanted, max(1.0, deadline - time.monotonic()))
        if not problem or time.monotonic() >= deadline:
            return problem
        time.sleep(0.1)


def _ask(host: str, front: Front, wanted: ProbeRequest, timeout: float) -> str:
    where = f"https://{host}{wanted.path}"
    try:
        answer = request(front, Asked(host, wanted.path), timeout)
    except OSError as error:
        return f"{where} does not answer: {error}"
    if answer.status != wanted.status:
        return f"{where} answers {answer.status}, not {wanted.status}"
    text = wanted.contains
    if text and text not in answer.text and text not in html.unescape(answer.text):
        return f"{where} answers, but without {text!r}"
    return ""
