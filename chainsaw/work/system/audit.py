"""The audit record: who changed what on this host, why, and how it ended; `journalctl --user -t chainsaw` has it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from chainsaw.errors import Exit
from chainsaw.host import facts, journal

RESULTS = {
    Exit.OK: "done",
    Exit.FAILED: "failed",
    Exit.USAGE: "wrong usage",
    Exit.DEGRADED: "done in part",
    Exit.MISSING: "not there",
    Exit.INVALID: "refused",
    Exit.HOST: "this host lacks something",
    Exit.LOCKED: "another chainsaw was at work",
}
NOTICE, WARNING = "5", "4"


def record(command: str, words: Sequence[str], why: str, code: int) -> None:
    """Write down a command that changes something: its name, what was given to it, why, and its exit code.

    `words` are without secrets and without values of settings: the journal keeps them, and others may read it.
    Where there is no journal nothing is written, and nothing said: the command itself is what matters.
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
