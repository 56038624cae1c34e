"""Who may change what: a lock for each instance, one for what is being prepared, and the site's.

A verb holds the locks of the instances that it changes from its first look to its last effect. Whoever makes another
generation current holds the site's besides, for the seconds that this takes. They are taken in this order; whoever
has the site's only tries for an instance's, and does not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.account import Account
from chainsaw.host.lock import held_paths, locked
from chainsaw.model.names import check_instance
from chainsaw.work.interrupted import start_interrupted
from chainsaw.work.result import Reporter


@contextmanager
def holding(
    account: Account, names: Iterable[str], command: str, report: Reporter, *, wait: bool = True
) -> Iterator[None]:
    """Hold the locks of instances; what an earlier command stopped and did not start again is started first.

    Raise ChainsawError when another command has one of them, without `wait`. What could not be a name has no lock.
    """
    outermost = not held_paths()
    with ExitStack() as stack:
        for name in sorted(set(names)):
            if _is_name(name):
                stack.enter_context(_instance(account, name, command, report, wait))
        if outermost:
            start_interrupted(account, report, command)
        yield


def take_free(stack: ExitStack, account: Account, names: Iterable[str], command: str, report: Reporter) -> set[str]:
    """Take the locks of instances that are free, as long as a stack lasts; return the names of the others."""
    busy = set()
    for name in sorted(names):
        try:
            stack.enter_context(_instance(account, name, command, report, wait=False))
        except ChainsawError as error:
            if error.exit is not Exit.LOCKED:
                raise
            busy.add(name)
    return busy


def preparing(account: Account, command: str, report: Reporter, *, wait: bool = True) -> AbstractContextManager[None]:
    """Hold the lock under which images are fetched and built, and what nobody uses is deleted."""
    return locked(account.paths.preparing_lock, command, wait=wait, waiting=report.note)


def site(account: Account, command: str, report: Reporter, *, wait: bool = True) -> AbstractContextManager[None]:
    """Hold the lock under which another generation becomes current."""
    return locked(account.paths.site_lock, command, wait=wait, waiting=report.note)


def _instance(account: Account, name: str, command: str, report: Reporter, wait: bool) -> AbstractContextManager[None]:
    return locked(account.paths.instance_lock(name), command, wait=wait, waiting=report.note, kept=False)


def _is_name(name: str) -> bool:
    try:
        check_instance(name)
    except ValueError:
        return False
    return True
