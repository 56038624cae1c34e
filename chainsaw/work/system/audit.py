"""The audit record: who changed what on this host, why, and the result; shown by `journalctl --user -t chainsaw`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from chainsaw.errors import Exit
from chainsaw.host import facts, journal

RESULTS = {
    Exit.OK: "done",
    Exit.FAILED: "failed",
    Exit.USAGE: "wrong usage",
    Exit.DEGRADED: "partly done",
    Exit.MISSING: "not found",
    Exit.INVALID: "refused",
    Exit.HOST: "something is missing on this host",
    Exit.LOCKED: "another chainsaw was running",
}
NOTICE, WARNING = "5", "4"


def record(command: str, words: Sequence[str], why: str, code: int) -> None:
    """Record a command that changes something: its name, its arguments, why, and its exit code.

    `words` contain no secrets and no values of settings, because others may read the journal.
    Without a journal nothing is written and nothing is reported, because the command itself matters more.
    """
    who = facts.asking_user()
    result = RESULTS[Exit(code)] if code in list(Exit) else "was interrupted"
    typed = shlex.join([*command.split(), *words])
    journal.record(
        {
            "MESSAGE": f"{who}: {typed}: {result}",
            "PRIORITY": NOTICE if code == 0 else WARNING,
            "SYSLOG_IDENTIFIER": "chainsaw",
            "CHAINSAW_WHO": who,
            "CHAINSAW_COMMAND": typed,
            "CHAINSAW_WHY": why,
            "CHAINSAW_RESULT": result,
            "CHAINSAW_EXIT": str(code),
        }
    )
