"""The front as it runs: let it read its files, and see that it has."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.host.systemd import UserManager
from chainsaw.plan.observed import FRONT_SERVICE

RELOAD_TIMEOUT = 60.0
WORKER = "nginx: worker process"
"""The title of a worker that accepts connections; one that ends changes it first."""


def reload_front(manager: UserManager) -> None:
    """Let the front read its files, and wait until no worker answers from the former ones.

    Raise ChainsawError when it does not do so in time.
    """
    manager.reload_unit(FRONT_SERVICE, RELOAD_TIMEOUT, _is_serving)


def _is_serving(process: int) -> bool:
    return (files.read_text(f"/proc/{process}/cmdline") or "").rstrip("\0 ") == WORKER
