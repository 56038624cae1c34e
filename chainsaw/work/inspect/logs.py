"""logs: what an instance says, what its visitors asked for, or both."""

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
from chainsaw.plan.state import processes_of
from chainsaw.work.config.names import applied_instance
from chainsaw.work.result import Result

FRONT_CONTAINER = "chainsaw-front"


@dataclass(frozen=True)
class LogRequest:
    """Which lines are wanted: whose, since when (as journalctl takes it), with what in them, and how many."""

    name: str
    component: str | None = None
    access: bool = False
    every: bool = False
    since: str | None = None
    grep: str | None = None
    lines: int = 100


@dataclass(frozen=True)
class LogQuery:
    """How the journal is asked, and which of its entries are the wanted ones."""

    options: tuple[str, ...]
    accept: Callable[[Entry], bool]
    name: str

    @property
    def command(self) -> str:
        """The command that shows the same without chainsaw, but for what only a filter can tell apart."""
        return shlex.join(["journalctl", "--user", *self.options])


def log_query(account: Account, wish: LogRequest) -> LogQuery:
    """Return how to read what is wished for; raise ChainsawError for names that there are not, and bad patterns."""
    deployment = applied_instance(account.paths, account.current(), wish.name)
    matches = [] if wish.access else _own_matches(deployment, wish.component)
    if wish.access or wish.every:
        matches = journal.either([*([matches] if matches else []), [f"CONTAINER_NAME={FRONT_CONTAINER}"]])
    options = [f"--since={wish.since}"] if wish.since else []
    if wish.access:
        # The journal has one name for all sites that the front serves; each line begins with its instance's.
        options.append(f"--grep=^{wish.name} ")
    return LogQuery((*options, *matches), _accepting(wish), wish.name)


def _own_matches(deployment: Deployment, component: str | None) -> list[str]:
    own = {service.container.rpartition(".")[2]: service for service in processes_of(deployment)}
    if component is not None and component not in own:
        message = f"{deployment.name} has no component {component!r}{nearest(component, own)}"
        known = ", ".join(own) or "none: it is files alone, so --access is all that there is"
        raise ChainsawError(Diagnostic("no-component", message, hint=f"components: {known}"), Exit.MISSING)
    chosen = [own[component]] if component else list(own.values())
    return journal.either(journal.matches(item.unit, item.container) for item in chosen)


def _accepting(wish: LogRequest) -> Callable[[Entry], bool]:
    try:
        pattern = re.compile(wish.grep or "")
    except re.error as error:
        raise invalid(Diagnostic("pattern", f"not a regular expression: {error}", key=wish.grep or "")) from None

    def accept(entry: Entry) -> bool:
        if entry.container == FRONT_CONTAINER and not entry.text.startswith(f"{wish.name} "):
            return False
        return bool(pattern.search(said(entry, wish.name)))

    return accept


def said(entry: Entry, name: str) -> str:
    """Return what an entry says, without the name that the front puts before it."""
    return entry.text.removeprefix(f"{name} ") if entry.container == FRONT_CONTAINER else entry.text


def speaker(entry: Entry, name: str) -> str:
    """Return who says it: a component, the front as `visitor`, or systemd."""
    if entry.container == FRONT_CONTAINER:
        return "visitor"
    return entry.container.removeprefix(f"{name}.") or "systemd"


def recent(account: Account, wish: LogRequest) -> Result:
    """Return the newest of the wanted lines, oldest first."""
    wanted = log_query(account, wish)
    entries = journal.newest(wanted.options, wish.lines, wanted.accept)
    data = {
        "instance": wish.name,
        "command": wanted.command,
        "entries": [_as_data(item, wish.name) for item in entries],
    }
    return Result(data, tuple(line(item, wish.name) for item in entries))


def _as_data(entry: Entry, name: str) -> dict[str, object]:
    return {"at": entry.at, "from": speaker(entry, name), "priority": entry.priority, "text": said(entry, name)}


def line(entry: Entry, name: str) -> str:
    """Return an entry as people read it."""
    stamp = time.strftime("%m-%d %H:%M:%S", time.localtime(entry.at))
    return f"{stamp} {speaker(entry, name):8} {said(entry, name)}"


def follow(account: Account, wish: LogRequest, tell: Callable[[str], None]) -> None:
    """Tell the newest of the wanted lines, and then each new one until somebody interrupts."""
    wanted = log_query(account, wish)
    began = time.time()
    entries = journal.newest(wanted.options, wish.lines, wanted.accept)
    for entry in entries:
        tell(line(entry, wish.name))

    def each(entry: Entry) -> None:
        if wanted.accept(entry):
            tell(line(entry, wish.name))

    options = [option for option in wanted.options if not option.startswith("--since=")]
    # What is said between the two looks is not to be missed.
    journal.follow(options, max([began, *(entry.at for entry in entries)]), each)
