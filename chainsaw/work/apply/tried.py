"""A version of an instance that has not shown its page yet: the front shows what it knows, and keeps nothing of it.

A command that is killed leaves the file of a trial behind until the next apply, or a reboot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Deployment


def begin(account: Account, deployments: Iterable[Deployment]) -> None:
    """Let the front not ask instances that are about to start for what it knows."""
    for deployment in deployments:
        if deployment.kept and deployment.serving == "normal":
            account.tried.add(deployment.name)
            files.write_atomic(account.paths.tried_file(deployment.name, account.runtime), b"")
            # It is there, too, where one sleeps for long.
            files.remove(account.paths.up_file(deployment.name))


def end(account: Account, manager: UserManager, name: str) -> None:
    """Let the front ask an instance for all pages again, if it is up."""
    account.tried.discard(name)
    file, unit = account.paths.tried_file(name, account.runtime), f"app@{name}.service"
    if files.exists(file):
        files.remove(file)
        if manager.states([unit]).get(unit) == "active":
            files.write_atomic(account.paths.up_file(name), b"")


@contextmanager
def trials(account: Account, manager: UserManager) -> Iterator[None]:
    """End each trial in the end, however the versions did."""
    try:
        yield
    finally:
        for name in sorted(account.tried):
            end(account, manager, name)
