"""notify send: what doctor checks, as far as the admin is told of it without asking."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from chainsaw.checks.changes import ALARMING
from chainsaw.checks.check import Check
from chainsaw.errors import Exit
from chainsaw.host.account import Account
from chainsaw.model.quantity import counted
from chainsaw.work.certificates.report import shown_to_visitors
from chainsaw.work.config.applied import applied_site
from chainsaw.work.notify.report import as_warning, some_channels
from chainsaw.work.notify.tell import tell
from chainsaw.work.parallel import answers
from chainsaw.work.result import Reporter, Result
from chainsaw.work.system import doctor
from chainsaw.work.system.weekly import send_summary

OF_THE_HOST = frozenset({"generation", "disk"})
"""The topics of which something is known also when the current generation cannot be read."""


def send_changes(account: Account, report: Reporter) -> Result:
    """Tell each channel what has changed since it was told last, and the weekly summary when it is due."""
    site = applied_site(account.paths)
    some_channels(account, site)
    checks, topics = watched(account)
    done = tell(account, site, checks, topics, report)
    lines = [f"{name}: told of {counted(number, 'change')}" for name, number in done.told.items()]
    problems = dict(done.problems)
    for name, problem in send_summary(account, site, checks, report).items():
        lines += [] if problem else [f"{name}: sent the weekly summary"]
        problems |= {name: problem} if problem else {}
    data = {"told": done.told, "failed": {name: item.message for name, item in problems.items()}}
    code = Exit.DEGRADED if problems else Exit.OK
    return Result(data, tuple(lines), tuple(map(as_warning, problems.values())), code)


def watched(account: Account) -> tuple[list[Check], Collection[str]]:
    """Return the checks of which the admin is told, as doctor makes them, and the topics that they are complete for."""
    seen = doctor.read_store(account)
    asked = {
        host: partial(shown_to_visitors, account, seen.manifest, host, doctor.FRONT_PATIENCE) for host in seen.hosts
    }
    shown = answers(asked, doctor.FRONT_PATIENCE)
    systemd = doctor.ask_systemd()
    checks = [
        doctor.generation_check(seen),
        *doctor.disk_checks(seen.paths),
        *doctor.unit_checks(seen, systemd),
        *doctor.certificate_checks(seen, shown()),
    ]
    complete = OF_THE_HOST if seen.unreadable else ALARMING.keys()
    return [check for check in checks if check.topic in ALARMING], complete
