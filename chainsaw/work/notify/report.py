"""notify test and list: whether each channel works, what needs attention, and who was told of it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chainsaw.checks import changes
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import facts
from chainsaw.host.account import Account
from chainsaw.host.notified import read_notified, write_notified
from chainsaw.model.notified import Condition, Notified
from chainsaw.model.quantity import span_for_people
from chainsaw.model.site import Site
from chainsaw.work.certificates.recorded import moment_for_people
from chainsaw.work.config.applied import applied_site, declared_site
from chainsaw.work.locks import notifying
from chainsaw.work.notify.channels import Channel, Sent, channels_of
from chainsaw.work.notify.message import test_message
from chainsaw.work.notify.tell import send
from chainsaw.work.result import Reporter, Result, Table

WAY = "chainsaw config edit --site, and write: notify: {mail: admin}"


def test_channels(account: Account, report: Reporter) -> Result:
    """Send a test message on each channel that site.yaml names, also before it is applied; return what was answered."""
    site = declared_site(account.paths)
    channels = some_channels(account, site)
    message = test_message(facts.node(), time.time())
    report.doing("sending a test message")
    with notifying(account, report):
        found = send(account, channels, {item.name: message for item in channels})
        record = read_notified(account)
        # What works again is used at the next look, and not only after the wait that its failures have earned.
        taken = [name for name, sent in found.items() if sent.problem is None]
        if any(record.channel(name).failed for name in taken):
            write_notified(account, changes.works_again(record, taken))
    lines = [f"{name}: {sent.answer}" for name, sent in found.items() if sent.problem is None]
    lines += ["next: chainsaw apply"] if site.notify != applied_site(account.paths).notify else []
    problems = tuple(sent.problem for sent in found.values() if sent.problem)
    code = Exit.OK if not problems else Exit.DEGRADED if len(problems) < len(found) else Exit.FAILED
    return Result({"channels": [_answered(name, sent) for name, sent in found.items()]}, tuple(lines), problems, code)


def some_channels(account: Account, site: Site) -> tuple[Channel, ...]:
    """Return the channels of a site; raise ChainsawError when there is none."""
    if site.notify is None:
        found, hint = "nobody is told of anything: site.yaml has no notify", WAY
        with suppress(ChainsawError):
            if declared_site(account.paths).notify:
                found, hint = "notify is in site.yaml, but not applied yet", "chainsaw apply"
        raise ChainsawError(Diagnostic("no-notify", found, hint=hint), Exit.MISSING)
    return channels_of(account, site)


def as_warning(problem: Diagnostic) -> Diagnostic:
    """Return a problem that is tried again by itself."""
    return replace(problem, severity="warning", hint=problem.hint or "chainsaw notify test")


def _answered(name: str, sent: Sent) -> dict[str, Any]:
    problem = sent.problem.message.removeprefix(f"{name}: ") if sent.problem else None
    return {"channel": name, "sent": sent.problem is None, "answer": sent.answer or None, "problem": problem}


def list_notified(account: Account) -> Result:
    """Return the channels, and each condition with who was told of it and when."""
    record = read_notified(account)
    names = [item.name for item in some_channels(account, applied_site(account.paths))]
    rows = [_row(item, names) for item in record.conditions]
    channels = [_channel(record, name) for name in names]
    table = Table(("state", "what", "found", "since", "told"), tuple(map(_cells, rows)))
    lines = [] if rows else ["nothing needs attention" if record.looked else "nobody has looked yet"]
    lines += [_channel_line(item) for item in channels]
    bad = any(item["problem"] for item in channels)
    data = {"looked": record.looked or None, "conditions": rows, "channels": channels}
    return Result(data, tuple(lines), exit=Exit.DEGRADED if bad else Exit.OK, table=table if rows else None)


def _row(item: Condition, names: list[str]) -> dict[str, Any]:
    told = {
        name: {"state": item.told[name].state, "at": item.told[name].at} if name in item.told else None
        for name in names
    }
    return {
        "name": item.name,
        "state": item.state,
        "found": item.found,
        "hint": item.hint,
        "since": item.since or None,
        "coming": item.coming,
        "told": told,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    waiting = [name for name, told in row["told"].items() if (told or {"state": "ok"})["state"] != row["state"]]
    if row["since"] is None:
        shown = "seen once, not yet"
    elif waiting:
        shown = f"not yet: {', '.join(waiting)}"
    else:
        last = max((told["at"] for told in row["told"].values() if told), default=None)
        shown = moment_for_people(last) or "not needed"
    state = "over" if row["state"] == "ok" and row["since"] else row["coming"] if row["since"] is None else row["state"]
    return (str(state), row["name"], row["found"], moment_for_people(row["since"]), shown)


def _channel(record: Notified, name: str) -> dict[str, Any]:
    item = record.channel(name)
    return {
        "channel": name,
        "last": item.last,
        "today": len(changes.of_today(item, time.time())),
        "failed_since": item.since or None,
        "retry": item.retry or None,
        "problem": item.problem or None,
    }


def _channel_line(item: dict[str, Any]) -> str:
    if item["problem"]:
        ago = span_for_people(max(time.time() - item["failed_since"], 0.0))
        return f"{item['channel']}: nothing was sent for {ago}: {item['problem']} -> chainsaw notify test"
    last = f"the last message was at {moment_for_people(item['last'])}" if item["last"] else "nothing was sent yet"
    full = f"; {item['today']} within a day, the next one waits" if item["today"] >= changes.MOST else ""
    return f"{item['channel']}: {last}{full}"
