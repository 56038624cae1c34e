"""The locks: one for each instance, one for preparing images, one for the site, and two for certificates.

A command holds the locks of the instances that it changes from its first read to its last effect. To switch to another
generation it also holds the site's lock: from compiling until what has to stop is down and the front serves the new
generation. While it waits for its instances to start and to answer, others may switch. Locks are taken in this order. A
command that already holds the site's lock tries an instance's lock once and does not wait, so that two commands cannot
block each other.

A command that takes its first lock starts what an interrupted one left stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host.account import Account
from chainsaw.host.lock import held_paths, locked, released
from chainsaw.model.names import check_instance
from chainsaw.work.interrupted import start_interrupted
from chainsaw.work.result import Reporter


@contextmanager
def holding(
    account: Account, names: Iterable[str], command: str, report: Reporter, *, wait: bool = True
) -> Iterator[None]:
    """Hold the locks of instances.

    Raise ChainsawError when another command holds one of them, without `wait`. An invalid name has no lock.
    """
    outermost = not held_paths()
    with ExitStack() as stack:
        for name in sorted(set(names)):
            if _is_name(name):
                stack.enter_context(_instance(account, name, command, report, wait))
        if outermost:
            start_interrupted(account, report, command)
        yield


@dataclass(frozen=True)
class Locks:
    """The locks of one attempt to switch: the site's, for preparing, and those of instances, until they are closed."""

    account: Account
    command: str
    report: Reporter
    instances: ExitStack
    preparing: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Let others switch, and prepare images, for these are part of the current generation now."""
        self.preparing.close()
        with released(self.account.paths.site_lock, self.report.note):
            yield

    def take_free(self, names: Iterable[str]) -> set[str]:
        """Take the locks of instances that are free; return the names of the others."""
        busy = set()
        for name in sorted(names):
            try:
                self.instances.enter_context(_instance(self.account, name, self.command, self.report, wait=False))
            except ChainsawError as error:
                if error.exit is not Exit.LOCKED:
                    raise
                busy.add(name)
        return busy


def renewal(account: Account, command: str, report: Reporter) -> AbstractContextManager[None]:
    """Hold the lock for asking authorities for certificates, which may take long; the site's is not held meanwhile."""
    return locked(f"{account.paths.locks}/renewal", command, wait=True, waiting=report.note)


def tls(account: Account, command: str, report: Reporter) -> AbstractContextManager[None]:
    """Hold the lock for placing certificates, which is taken after all others, and for a moment."""
    return locked(f"{account.paths.locks}/tls", command, wait=True, waiting=report.note)


def notifying(account: Account, report: Reporter) -> AbstractContextManager[None]:
    """Hold the lock for telling the admin what has changed; it is in memory, since the disk may be full."""
    return locked(f"{account.runtime}/chainsaw-notify.lock", "chainsaw notify", wait=True, waiting=report.note)


def preparing(account: Account, command: str, report: Reporter, *, wait: bool = True) -> AbstractContextManager[None]:
    """Hold the lock for fetching and building images, and for deleting what is unused."""
    _start_interrupted(account, command, report)
    return locked(account.paths.preparing_lock, command, wait=wait, waiting=report.note)


def site(account: Account, command: str, report: Reporter, *, wait: bool = True) -> AbstractContextManager[None]:
    """Hold the lock for switching to another generation."""
    _start_interrupted(account, command, report)
    return locked(account.paths.site_lock, command, wait=wait, waiting=report.note)


def _start_interrupted(account: Account, command: str, report: Reporter) -> None:
    if not held_paths():
        start_interrupted(account, report, command)


def _instance(account: Account, name: str, command: str, report: Reporter, wait: bool) -> AbstractContextManager[None]:
    return locked(account.paths.instance_lock(name), command, wait=wait, waiting=report.note, kept=False)


def _is_name(name: str) -> bool:
    try:
        check_instance(name)
    except ValueError:
        return False
    return True
