"""Tell each channel what has changed since it was told last.

What a channel took is recorded after it took it: if chainsaw is killed in between, it is told again. What it did not
take does not count as told, and is tried again later and later, at last once an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from chainsaw.checks import changes
from chainsaw.checks.check import Check
from chainsaw.errors import Diagnostic
from chainsaw.host import facts
from chainsaw.host.account import Account
from chainsaw.host.notified import read_notified, write_notified
from chainsaw.model.notified import Notified
from chainsaw.model.site import Site
from chainsaw.work.locks import notifying
from chainsaw.work.notify.channels import Channel, Sent, channels_of, deliver
from chainsaw.work.notify.message import Message, change_message, is_last
from chainsaw.work.result import Reporter

Clock = Callable[[], float]


@dataclass
class Outcome:
    """What came of it: how many changes each channel was told, and what went wrong, by the name of the channel."""

    told: dict[str, int] = field(default_factory=dict)
    problems: dict[str, Diagnostic] = field(default_factory=dict)


def tell(
    account: Account,
    site: Site,
    checks: Sequence[Check],
    topics: Collection[str],
    report: Reporter,
    now: Clock = time.time,
) -> Outcome:
    """Compare what was found with what the channels were told, and tell them the difference.

    Any part of chainsaw may call it with checks of its own; `topics` are those whose checks are complete, so that what
    is not among them is over. Raise OSError, with nothing sent, where it cannot be recorded.
    """
    channels = channels_of(account, site)
    with notifying(account, report):
        record = changes.looked(read_notified(account), checks, topics, [item.name for item in channels], now())
        # Before anything is sent: on a host where nothing can be recorded, each look would tell it once more.
        _record(account, record)
        return _tell(account, channels, record, now)


def _tell(account: Account, channels: Sequence[Channel], record: Notified, now: Clock) -> Outcome:
    due = {item.name: changes.untold(record, item.name) for item in channels}
    due = {name: found for name, found in due.items() if found and changes.may_send(record.channel(name), now())}
    host, present = facts.node(), list(changes.present(record))
    messages = {
        name: change_message(host, found, present, now(), is_last(record.channel(name).sent, now()))
        for name, found in due.items()
    }
    outcome = Outcome()
    for name, sent in send(account, channels, messages).items():
        if sent.problem is None:
            record = changes.told(record, name, due[name], now())
            outcome.told[name] = len(due[name])
        else:
            record = changes.not_sent(record, name, sent.problem.message.removeprefix(f"{name}: "), now())
            outcome.problems[name] = sent.problem
    if messages:
        _record(account, record)
    return outcome


def send(account: Account, channels: Sequence[Channel], messages: dict[str, Message]) -> dict[str, Sent]:
    """Send each channel its message; return what came of it."""
    if not messages:
        return {}
    with account.steps.step(f"send to {', '.join(messages)}"):
        return deliver(channels, messages)


def _record(account: Account, record: Notified) -> None:
    with account.steps.step("record what was told"):
        write_notified(account, record)
