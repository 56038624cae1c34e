"""A verb of the command line, declared once for help, completion, --explain and the audit record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

READ_ONLY = ("dry_run", "explain")
"""The parameters of the options with which no command changes anything."""


@dataclass(frozen=True)
class Verb:
    """A command: its summary, the function that runs it, and whether it changes this host.

    `target` is a module of chainsaw.cli and a function in it; a group has `verbs` instead. A verb that `changes`
    something is in the audit record; one that `changes_with` an option only when that is given, and one that
    `tells_with` an option only without that, as with it the command writes each change down by itself. What is typed
    after a `confidential` verb may be a secret in the wrong place, so it is in the record only when the command
    succeeded.
    """

    name: str
    target: str
    summary: str
    changes: bool = False
    changes_with: str = ""
    tells_with: str = ""
    confidential: bool = False
    stands_for: tuple[str, ...] = ()
    verbs: tuple[Verb, ...] = ()
    default: str = ""

    def standing_for(self, *commands: str) -> Verb:
        """Return this verb with what --explain prints; a verb without has an --explain of its own."""
        return replace(self, stands_for=commands)

    def holding(self, *verbs: Verb, default: str = "") -> Verb:
        """Return this verb as a group of others; `default` is the one that may be left out."""
        return replace(self, verbs=verbs, default=default)

    def acts(self, params: Mapping[str, Any]) -> bool:
        """Return whether it changes something when it is run with parameters."""
        if any(params.get(name) for name in READ_ONLY):
            return False
        return self.changes or bool(self.changes_with and params.get(self.changes_with))

    def changed(self, params: Mapping[str, Any]) -> bool:
        """Return whether it changes something, and leaves it to the audit record, when it is run with parameters."""
        return self.acts(params) and not params.get(self.tells_with)


def group(name: str, summary: str) -> Verb:
    """Return a group of verbs."""
    return Verb(name, "", summary)
