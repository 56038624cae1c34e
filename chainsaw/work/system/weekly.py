"""notify summary: how the site does, in one text, once a week if the admin wants it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from chainsaw.checks import changes
from chainsaw.checks.check import Check, in_short
from chainsaw.errors import Diagnostic, Exit
from chainsaw.host import certificates, facts
from chainsaw.host.account import Account
from chainsaw.host.notified import read_notified, write_notified
from chainsaw.model.deployment import Manifest
from chainsaw.model.notified import Grade
from chainsaw.model.notify import Weekday
from chainsaw.model.quantity import bytes_for_people, counted, span_for_people
from chainsaw.model.site import Site
from chainsaw.work.config.applied import applied_site
from chainsaw.work.inspect.list import list_instances
from chainsaw.work.locks import notifying
from chainsaw.work.notify.channels import channels_of
from chainsaw.work.notify.message import Message, one_line
from chainsaw.work.notify.report import some_channels
from chainsaw.work.notify.tell import send
from chainsaw.work.result import Reporter, Result

MORNING = 8
"""The hour of the weekly summary, by this host's clock."""


def summary_of(account: Account, checks: Sequence[Check]) -> Message:
    """Return the summary of a site: instances, certificates, disk, and what needs attention."""
    rows = list_instances(account).data["instances"]
    wrong = [item for item in in_short(checks) if item.state != "ok" and _counts(item)]
    lines = [*_instances(rows), *_certificates(account, account.current()), *_disk(checks)]
    lines += ["needs attention:" if wrong else "nothing needs attention"]
    for item in wrong:
        lines.append(f"  {item.state:7} {one_line(item.name)}: {one_line(item.found)}")
        lines += [f"          {one_line(item.hint)}"] if item.hint else []
    grades = [changes.grade(item) or "ok" for item in checks]
    worst: Grade = max(grades, key=changes.RANK.__getitem__, default="ok")
    host = facts.node()
    many = counted(len(wrong), "thing") + (" needs" if len(wrong) == 1 else " need") + " attention"
    subject = f"{host}: this week, {many if wrong else 'all is well'}"
    details = {"instances": rows, "checks": [item.as_dict() for item in checks]}
    return Message("summary", host, worst, one_line(subject), "\n".join(lines) + "\n", time.time(), details)


def _counts(check: Check) -> bool:
    return check.state == "unknown" or changes.grade(check) != "ok"


def _instances(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        use = f", {bytes_for_people(row['disk'])} on the disk" if row["disk"] is not None else ""
        yield one_line(f"{row['name']}: {row['state']}{use}, {row['recipe']} {row['version'] or ''}, {row['url']}")


def _certificates(account: Account, manifest: Manifest) -> Iterator[str]:
    records = [certificates.read_record(account.paths.issued(host)) for host in sorted(manifest.hosts)]
    if first := min((item for item in records if item), key=lambda item: item.not_after, default=None):
        left = span_for_people(max(first.not_after - time.time(), 0.0))
        yield f"certificates: {len(manifest.hosts)}; the first to end is that of {first.host}, in {left}"


def _disk(checks: Iterable[Check]) -> Iterator[str]:
    return (f"disk of {item.subject}: {item.found}" for item in checks if item.topic == "disk")


def report_summary(account: Account, checks: Sequence[Check], sending: bool, report: Reporter) -> Result:
    """Return the summary; with `sending`, each channel gets it as well, whether it is due or not."""
    channels = some_channels(account, applied_site(account.paths)) if sending else ()
    message = summary_of(account, checks)
    with notifying(account, report):
        found = send(account, channels, {item.name: message for item in channels})
    problems = tuple(sent.problem for sent in found.values() if sent.problem)
    lines = [message.subject, "", *message.text.splitlines()]
    lines += [f"{name}: {sent.answer}" for name, sent in found.items() if sent.problem is None]
    data = {"subject": message.subject, "text": message.text, "state": message.state, **message.details}
    code = Exit.OK if not problems else Exit.DEGRADED if len(problems) < len(found) else Exit.FAILED
    return Result(
        {**data, "sent": [name for name, sent in found.items() if not sent.problem]}, tuple(lines), problems, code
    )


def send_summary(
    account: Account, site: Site, checks: Sequence[Check], report: Reporter
) -> dict[str, Diagnostic | None]:
    """Send the weekly summary to the channels for which it is due; return what went wrong with each, if anything."""
    if site.notify is None or site.notify.weekly is None:
        return {}
    now, since = time.time(), last_morning(site.notify.weekly, time.time())
    with notifying(account, report):
        record = before = read_notified(account)
        channels = channels_of(account, site)
        for item in channels:
            if record.channel(item.name).summary is None:
                # The first one comes when the day does.
                record = changes.summarised(record, item.name, now)
        due = [
            item
            for item in channels
            if (record.channel(item.name).summary or now) < since and changes.may_send(record.channel(item.name), now)
        ]
        message = summary_of(account, checks) if due else None
        found = send(account, due, {item.name: message for item in due}) if message else {}
        for name, sent in found.items():
            if sent.problem is None:
                record = changes.summarised(changes.told(record, name, (), now), name, now)
            else:
                record = changes.not_sent(record, name, sent.problem.message.removeprefix(f"{name}: "), now)
        if record != before:
            write_notified(account, record)
    return {name: sent.problem for name, sent in found.items()}


def last_morning(day: Weekday, now: float) -> float:
    """Return when it was that day of the week last, at MORNING, in seconds since 1970."""
    today = datetime.fromtimestamp(now).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    back = (today.weekday() - get_args(Weekday).index(day)) % 7
    found = today - timedelta(days=back)
    return (found if found.timestamp() <= now else found - timedelta(days=7)).timestamp()
