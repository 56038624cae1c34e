"""logs: the log of an instance, the requests of its visitors, or both."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import journal
from chainsaw.host.account import Account
from chainsaw.host.journal import Entry
from chainsaw.load.check import nearest
from chainsaw.model.deployment import Deployment
from chainsaw.plan.observed import FRONT_CONTAINER
from chainsaw.plan.state import logs_of
from chainsaw.work.config.names import applied_instance
from chainsaw.work.result import Result

ACCESS_PRIORITY = 6
"""What the front prints on stdout, and that is its access log alone. On stderr it repeats what applications write."""
VISITS = (f"CONTAINER_NAME={FRONT_CONTAINER}", f"PRIORITY={ACCESS_PRIORITY}")
"""The matches for the access log of all sites (journalctl(1))."""


@dataclass(frozen=True)
class LogRequest:
    """The lines to show: the instance and component, since when (as journalctl takes it), the pattern, how many."""

    name: str
    component: str | None = None
    access: bool = False
    every: bool = False
    since: str | None = None
    grep: str | None = None
    lines: int = 100


@dataclass(frozen=True)
class LogQuery:
    """The options for journalctl, and the filter for its entries."""

    options: tuple[str, ...]
    accept: Callable[[Entry], bool]
    name: str

    @property
    def command(self) -> str:
        """The journalctl command that shows the same, except for what only the filter removes."""
        return shlex.join(["journalctl", "--user", *self.options])


def log_query(account: Account, request: LogRequest) -> LogQuery:
    """Return the query for a request; raise ChainsawError for an unknown name or component, or a bad pattern."""
    deployment = applied_instance(account.paths, account.current(), request.name)
    matches = [] if request.access else _own_matches(deployment, request.component)
    if request.access or request.every:
        matches = journal.either([*([matches] if matches else []), VISITS])
    options = [f"--since={request.since}"] if request.since is not None else []
    if request.access:
        options.append(of_site(request.name))
    return LogQuery((*options, *matches), _accepting(request), request.name)


def _checked_query(account: Account, request: LogRequest) -> LogQuery:
    query = log_query(account, request)
    if request.since is not None:
        journal.check_time(request.since)
    return query


def of_site(name: str) -> str:
    """Return the option for the access log of one site: all share an identifier, and each line begins with a name."""
    return f"--grep=^{name} "


def component_names(account: Account, name: str) -> list[str]:
    """Return the components of an applied instance that have a log; raise ChainsawError when there is no instance."""
    deployment = applied_instance(account.paths, account.current(), name)
    return list(logs_of(deployment))


def _own_matches(deployment: Deployment, component: str | None) -> list[str]:
    own = logs_of(deployment)
    if component is not None and component not in own:
        message = f"{deployment.name} has no component {component!r}{nearest(component, own)}"
        known = ", ".join(own) or "none: it is static files only, so use --access"
        raise ChainsawError(Diagnostic("no-component", message, hint=f"components: {known}"), Exit.MISSING)
    chosen = [own[component]] if component else list(own.values())
    return journal.either(journal.matches(*item) for item in chosen)


def _accepting(request: LogRequest) -> Callable[[Entry], bool]:
    try:
        pattern = re.compile(request.grep or "")
    except re.error as error:
        raise invalid(Diagnostic("pattern", f"not a regular expression: {error}", key=request.grep or "")) from None

    def accept(entry: Entry) -> bool:
        if entry.container == FRONT_CONTAINER and not (
            entry.priority == ACCESS_PRIORITY and entry.text.startswith(f"{request.name} ")
        ):
            return False
        return bool(pattern.search(text_of(entry, request.name)))

    return accept


def text_of(entry: Entry, name: str) -> str:
    """Return the text of an entry, without the name that the front puts before it."""
    return entry.text.removeprefix(f"{name} ") if entry.container == FRONT_CONTAINER else entry.text


def source_of(entry: Entry, name: str) -> str:
    """Return where an entry comes from: what of the instance, `visitor` for the front's access log, or systemd."""
    if entry.container == FRONT_CONTAINER:
        return "visitor"
    if entry.container:
        return entry.container.removeprefix(f"{name}.")
    what = entry.unit.removesuffix(".service").removeprefix(f"app@{name}")
    return what[1:] if what.startswith(".") and entry.program not in ("", "systemd") else "systemd"


def recent(account: Account, request: LogRequest) -> Result:
    """Return the newest matching lines, oldest first; raise ChainsawError as log_query, and for what is no time."""
    query = _checked_query(account, request)
    entries = journal.newest(query.options, request.lines, query.accept)
    data = {
        "instance": request.name,
        "command": query.command,
        "entries": [_as_data(item, request.name) for item in entries],
    }
    return Result(data, tuple(line(item, request.name) for item in entries))


def _as_data(entry: Entry, name: str) -> dict[str, object]:
    return {"at": entry.at, "from": source_of(entry, name), "priority": entry.priority, "text": text_of(entry, name)}


def line(entry: Entry, name: str) -> str:
    """Return an entry as a line of text; further lines of the same entry are indented."""
    stamp = time.strftime("%m-%d %H:%M:%S", time.localtime(entry.at))
    first = f"{stamp} {source_of(entry, name):8} "
    return first + text_of(entry, name).replace("\n", "\n" + " " * len(first))


def follow(account: Account, request: LogRequest, show: Callable[[str], None]) -> None:
    """Print the newest matching lines, and then each new one until interrupted; raise ChainsawError as `recent`."""
    query = _checked_query(account, request)
    began = time.time()
    entries = journal.newest(query.options, request.lines, query.accept)
    for entry in entries:
        show(line(entry, request.name))

    def each(entry: Entry) -> None:
        if query.accept(entry):
            show(line(entry, request.name))

    options = [option for option in query.options if not option.startswith("--since=")]
    # Start at the last entry shown, so that no line in between is missed.
    journal.follow(options, max([began, *(entry.at for entry in entries)]), each)
