"""traffic --html: a page with plots, made by GoAccess in a container that sees nothing but the lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache

from chainsaw.compile.images import shared_build
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host.account import Account
from chainsaw.host.podman import Podman
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import ImageNeed
from chainsaw.model.visit import ABSENT, Visit
from chainsaw.work.locks import preparing
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter

FORM = '%d %t %h %v "%e" "%r" %s %b %T "%R" "%u" %C'
"""How GoAccess is given a request (goaccess(1), LOG FORMAT)."""
ARGUMENTS = (
    f"--log-format={FORM}", "--date-format=%Y-%m-%d", "--time-format=%H:%M:%S", "--output=html", "--no-progress",
    "--no-query-string",
)  # fmt: skip
HEAD = b"<head>"
POLICY = (
    b"<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; font-src data:;"
    b" style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; form-action 'none'; base-uri 'none'\">"
)
"""With it a browser loads nothing for the page, whatever is in it. Its templates are compiled by eval."""


def provide_image(account: Account, report: Reporter) -> str:
    """Return the reference of GoAccess's image; it is built if it is not in the store."""
    shared = shared_files()
    need = ImageNeed(reference=shared_build("goaccess", shared.images).reference, base="goaccess")
    with preparing(account, "chainsaw traffic --html", report):
        images = Images(account.paths, account.podman, catalog_of(account.paths), shared, report)
        with UserManager() as manager:
            manager.start_api()
        with account.steps.step("obtain images"):
            images.obtain([need])
        images.check(need)
    return need.reference


def page_of(podman: Podman, reference: str, title: str, lines: Iterator[bytes]) -> bytes:
    """Return the page for lines in FORM; raise ChainsawError when there is none."""
    first = next(lines, None)
    if first is None:
        raise ChainsawError(
            Diagnostic("no-requests", "the journal has no such requests: no page was written"), Exit.MISSING
        )

    def every() -> Iterator[bytes]:
        yield first
        yield from lines

    page = podman.convert(reference, [*ARGUMENTS, f"--html-report-title={title}"], every())
    if page.count(HEAD) != 1:
        raise ChainsawError(Diagnostic("no-page", "GoAccess printed no page"))
    return page.replace(HEAD, HEAD + POLICY)


def line_for(at: float, visit: Visit) -> bytes:
    """Return a request as a line in FORM, with the local time; what is escaped in it stays so."""
    request = visit.request if visit.request.count(" ") > 1 else f"GET {visit.path} HTTP/1.1"
    host, cache = visit.host or visit.site, visit.cache or ABSENT
    seconds = f"{visit.seconds}.{visit.thousandths}"
    return (
        f'{_minute(int(at) // 60)}:{int(at) % 60:02} {visit.address} {host} "{visit.login}" "{request}" {visit.status}'
        f' {visit.size} {seconds} "{visit.referrer}" "{visit.agent}" {cache}\n'
    ).encode()


@lru_cache(maxsize=64)
def _minute(number: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(number * 60))
