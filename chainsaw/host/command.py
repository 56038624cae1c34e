"""A program of the admin's that gets a text on its standard input, in an environment that has no secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainsaw.host import process
from chainsaw.host.account import Account

PATIENCE = 60.0
"""Seconds until it has to be done."""
SHOWN = 300
"""How much of what it prints is shown, the end."""
PATH = "/usr/local/bin:/usr/bin:/bin"


def hand_to(account: Account, argv: Sequence[str], text: str, variables: Mapping[str, str]) -> str:
    """Return how a program ended, and what it printed; raise OSError when it fails, or is not there."""
    environment = {
        "PATH": PATH,
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": account.runtime,
        **variables,
    }
    done = process.run_for(argv, environment, PATIENCE, text)
    said = f": {done.complaint[-SHOWN:]}" if done.complaint else ""
    if done.code == process.TIMED_OUT:
        raise OSError(f"did not end within {PATIENCE:g} s, and was ended{said}")
    if done.code:
        raise OSError(f"ended with {done.code}{said}")
    return f"ended with 0{said}"
