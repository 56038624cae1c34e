"""What the admin is told, as text for people and as data for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from chainsaw.checks.changes import DAY, MOST, RANK, Change
from chainsaw.model.notified import Condition, Grade

FORMAT = 1
"""The version of the document that webhooks get."""
LINES = 60
"""How many conditions a message lists."""
WIDTH = 500
SUBJECT = 150
Kind = Literal["change", "summary", "test"]


@dataclass(frozen=True)
class Message:
    """One message: its kind, how grave it is, one line for a subject, and its text; `details` are for programs."""

    kind: Kind
    host: str
    state: Grade
    subject: str
    text: str
    at: float
    details: dict[str, Any] = field(default_factory=dict)

    def document(self) -> bytes:
        """Return it as JSON, with its version; Mattermost's incoming webhooks show what is in text."""
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "host": self.host,
            "at": self.at,
            "state": self.state,
            "subject": self.subject,
            "text": self.text,
            **self.details,
        }
        return json.dumps(content, ensure_ascii=False).encode()


def one_line(text: str, width: int = WIDTH) -> str:
    """Return a text as one line without control characters, shortened; others may have written parts of it."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def change_message(
    host: str, changes: Sequence[Change], present: Iterable[Condition], at: float, last: bool
) -> Message:
    """Return the message on some changes; `present` is all that needs attention now.

    The `last` one of a day says so.
    """
    over = [item for item in changes if item.condition.state == "ok"]
    new = [item for item in changes if item.condition.state != "ok"]
    known = {(item.condition.topic, item.condition.subject) for item in changes}
    others = [item for item in present if (item.topic, item.subject) not in known]
    lines = [*_part("", new), *_part("Over:", over), *_listed("Still so, as you were told:", others)]
    lines += ["All that is known now: chainsaw doctor"]
    if last:
        lines.append(
            f"This is message {MOST} within a day. The next one comes when a day is over: chainsaw notify list"
        )
    details = {"changes": [_change(item) for item in changes], "present": [_condition(item) for item in others]}
    worst: Grade = max((item.condition.state for item in changes), key=RANK.__getitem__, default="ok")
    text = "\n".join(lines) + "\n"
    return Message("change", host, worst, one_line(f"{host}: {_headline(new, over)}", SUBJECT), text, at, details)


def _headline(new: Sequence[Change], over: Sequence[Change]) -> str:
    if len(new) + len(over) == 1:
        item = (*new, *over)[0].condition
        return f"{'over: ' if over else ''}{item.name}: {item.found}"
    parts = {"": new, "over: ": over}
    return "; ".join(
        f"{word}{', '.join(item.condition.name for item in items)}" for word, items in parts.items() if items
    )


def _part(title: str, changes: Sequence[Change]) -> list[str]:
    return _listed(title, [item.condition for item in changes])


def _listed(title: str, items: Sequence[Condition]) -> list[str]:
    if not items:
        return []
    lines = [title] if title else []
    for item in items[:LINES]:
        lines.append(f"{item.state:5} {one_line(item.name)}: {one_line(item.found)}")
        lines += [f"      {one_line(item.hint)}"] if item.hint and item.state != "ok" else []
    lines += [f"and {len(items) - LINES} more"] if len(items) > LINES else []
    return [*lines, ""]


def _change(item: Change) -> dict[str, Any]:
    return {**_condition(item.condition), "before": item.before}


def _condition(item: Condition) -> dict[str, Any]:
    texts = {key: one_line(getattr(item, key)) for key in ("topic", "subject", "state", "found", "hint")}
    return {**texts, "since": item.since}


def test_message(host: str, at: float) -> Message:
    """Return the message of `chainsaw notify test`."""
    text = "This is a test, which you asked for with: chainsaw notify test\n"
    return Message("test", host, "ok", f"{host}: a test of chainsaw", text, at)


def is_last(sent: Sequence[float], at: float) -> bool:
    """Return whether the next message is the last one for now, after those that were `sent`."""
    return sum(0.0 <= at - one < DAY for one in sent) == MOST - 1
