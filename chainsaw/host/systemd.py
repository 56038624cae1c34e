"""The only module that talks to systemd's user manager, over D-Bus."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic, host_lacks
from chainsaw.plan.observed import API_SOCKET, UnitDetails

JOB_POLL = 0.02
API_TIMEOUT = 10.0
STOP_TIMEOUT = 120.0
"""Seconds after which units that do not stop are not waited for."""
GRACE = 30.0
"""Seconds to wait for a unit beyond the time that systemd gives it."""
PODMAN_FAILED = frozenset({125, 126})
"""The exit statuses of podman-run(1) when Podman failed, or could not run the command in the container."""
CRASHED = "activating (auto-restart)"
"""The state of a unit that has crashed and that systemd is about to restart, as systemctl prints it."""
BUS_NAME = b"org.freedesktop.systemd1"


class UserManager:
    """A connection to `systemd --user`; use it as a context."""

    def __init__(self) -> None:
        """Prepare; the connection is made when the context is entered."""
        self.bus: Any = None
        self.manager: Any = None

    def __enter__(self) -> UserManager:
        """Connect; raise ChainsawError when there is no user manager."""
        try:
            from pystemd.dbuslib import DBus
            from pystemd.systemd1 import Manager

            self.bus = DBus(user_mode=True)
            self.bus.open()
            self.manager = Manager(bus=self.bus)
            self.manager.load()
        except Exception as error:
            message = f"systemd's user manager does not answer: {error}"
            hint = "log in as this user (ssh, or machinectl shell), or once: sudo chainsaw setup"
            raise host_lacks(Diagnostic("no-user-manager", message, hint=hint)) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self.bus.close()

    @property
    def version(self) -> int:
        """The major version of systemd."""
        return int(self.manager.Manager.Version.decode().split(".")[0].split("~")[0].split("-")[0])

    def states(self, patterns: Sequence[str]) -> dict[str, str]:
        """Return the active state of each loaded unit that matches a pattern."""
        return {name: row[3].decode() for name, row in self._rows(patterns).items()}

    def details(self, patterns: Sequence[str]) -> dict[str, UnitDetails]:
        """Return what is known of each loaded unit that matches a pattern."""
        rows = self._rows(patterns)
        return {name: self._details(row[6], row[3].decode(), row[4].decode(), row[0]) for name, row in rows.items()}

    def _details(self, path: bytes, active: str, sub: str, name: bytes) -> UnitDetails:
        since = self._property(path, b"Unit", b"StateChangeTimestamp", b"t") / 1e6
        if not name.endswith(b".service"):
            return UnitDetails(active, sub, since)
        restarts = self._property(path, b"Service", b"NRestarts", b"u")
        return UnitDetails(active, sub, since, restarts, self._property(path, b"Service", b"Result", b"s").decode())

    def ports_of(self, name: str) -> frozenset[int]:
        """Return the TCP ports of a socket unit."""
        rows = self._rows([name])
        listens = self._property(rows[name][6], b"Socket", b"Listen", b"a(ss)") if name in rows else []
        return frozenset(int(port) for _, where in listens if (port := where.rpartition(b":")[2]).isdigit())

    def failed_in_podman(self, name: str) -> bool:
        """Return whether the last run of a unit ended with an error of Podman's own, before its container ran."""
        if not name.endswith(".service"):
            return False
        rows = self._rows([name])
        status = self._property(rows[name][6], b"Service", b"ExecMainStatus", b"i") if name in rows else 0
        return status in PODMAN_FAILED

    def _property(self, path: bytes, interface: bytes, name: bytes, kind: bytes) -> Any:
        """Return one property of a unit; reading all of them would take many times as long."""
        return self.bus.get_property(BUS_NAME, path, b"org.freedesktop.systemd1." + interface, name, kind)

    def reload(self) -> None:
        """Let systemd read its units again, and run Podman's generator."""
        self._call(self.manager.Manager.Reload)

    def start(self, units: Iterable[tuple[str, bool]], timeout: float, others: Iterable[str] = ()) -> dict[str, str]:
        """Start, or restart where the flag is set, several units at once; return the active state of each afterwards.

        `timeout` is in seconds; a unit that is still starting then is returned as `activating`. The states of `others`
        are returned, too: units that systemd starts because a started unit wants them.
        """
        wanted = list(units)
        refused = self.begin(wanted, others)
        names = {name for name, _ in wanted}.union(others) - refused.keys()
        return self.wait_for([sorted(names)], timeout) | refused

    def begin(self, units: Iterable[tuple[str, bool]], others: Iterable[str] = ()) -> dict[str, str]:
        """Start or restart units without waiting for them; return those that systemd refused.

        That they failed before is forgotten, also of `others`, which systemd starts with them.
        """
        refused: dict[str, str] = {}
        for name in others:
            self._reset_failed(name)
        for name, again in units:
            self._reset_failed(name)
            verb = self.manager.Manager.RestartUnit if again else self.manager.Manager.StartUnit
            try:
                verb(name.encode(), b"replace")
            except Exception as error:  # pystemd makes an exception class for each D-Bus error
                refused[name] = f"refused by systemd: {error}"
        return refused

    def run(self, name: str, timeout: float) -> str:
        """Run a service that ends by itself, and wait for its end; return nothing when it succeeds, or what went wrong.

        `timeout` is in seconds.
        """
        before = self._ended(name)
        if refused := self.begin([(name, False)]):
            return refused[name]
        state = self.wait_for([[name]], timeout)[name]
        if state not in ("inactive", "failed"):
            return f"it is {state} after {timeout:g} s"
        rows = self._rows([name])
        result = self._property(rows[name][6], b"Service", b"Result", b"s").decode() if name in rows else "success"
        if result != "success":
            return f"it ended with: {result}"
        return "" if self._ended(name) != before else "it was not started: what it needs is not up"

    def _ended(self, name: str) -> int:
        """Return when the main process of a service last ended, in microseconds since 1970; 0 for never."""
        rows = self._rows([name])
        return int(self._property(rows[name][6], b"Service", b"ExecMainExitTimestamp", b"t")) if name in rows else 0

    def stop(self, names: Sequence[str], timeout: float) -> None:
        """Stop units and wait until they are down; those that do not exist are skipped."""
        for name in names:
            with suppress(Exception):
                self.manager.Manager.StopUnit(name.encode(), b"replace")
        self.wait_for([[name] for name in names], timeout)
        for name in names:
            self._reset_failed(name)

    def reload_unit(self, name: str, timeout: float, serving: Callable[[int], bool]) -> None:
        """Let a unit reload its configuration, and wait until only processes that have read it take requests.

        The reload of a server is a signal: systemd reports success before the server has done anything. `timeout` is in
        seconds, for both together; `serving` returns whether an older process still takes requests. A unit that crashed
        reads its configuration when systemd restarts it. Raise ChainsawError when it fails, or is not finished then.
        """
        before = self.processes(name)
        deadline = time.monotonic() + timeout
        self._call(self.manager.Manager.ReloadUnit, name.encode(), b"replace")
        while (
            state := self.wait_for([[name]], deadline - time.monotonic())[name]
        ) == CRASHED and time.monotonic() < deadline:
            time.sleep(JOB_POLL)
        if state != "active":
            raise _not_reloaded(name, f"it is {state}")
        result = self._property(self._rows([name])[name][6], b"Service", b"ReloadResult", b"s").decode()
        if result != "success":
            raise _not_reloaded(name, f"its reload ended with: {result}")
        while before and not self._has_replaced(before, name, serving):
            if time.monotonic() >= deadline:
                raise _not_reloaded(name, f"after {timeout:g} s, requests are still taken by its former processes")
            time.sleep(JOB_POLL)

    def _has_replaced(self, before: frozenset[int], name: str, serving: Callable[[int], bool]) -> bool:
        now = self.processes(name)
        return bool(now - before) and not any(map(serving, now & before))

    def processes(self, name: str) -> frozenset[int]:
        """Return the ids of all processes of a unit."""
        try:
            return frozenset(int(row[1]) for row in self.manager.Manager.GetUnitProcesses(name.encode()))
        except Exception:
            return frozenset()

    def wait_for(self, groups: Iterable[Collection[str]], timeout: float) -> dict[str, str]:
        """Wait until systemd has nothing to do for these units, at most `timeout` seconds; return the state of each.

        Units that start together are a group. Who starts beside a unit that it requires, and that has crashed, is not
        waited for: it would wait for it. That unit is returned as CRASHED until systemd has restarted it.
        """
        wanted = [frozenset(group) for group in groups]
        names = sorted(frozenset().union(*wanted))
        deadline = time.monotonic() + timeout
        while True:
            rows = self._rows(names)
            if time.monotonic() >= deadline or not any(self._is_still_starting(group, rows) for group in wanted):
                return {name: _state(rows[name]) if name in rows else "inactive" for name in names}
            time.sleep(JOB_POLL)

    def _is_still_starting(self, group: Collection[str], rows: Mapping[str, Sequence[Any]]) -> bool:
        """Return whether a unit of a group has a job, and requires no unit of it that has crashed."""
        busy = [row for name, row in rows.items() if name in group and row[7]]
        crashed = {name for name, row in rows.items() if name in group and _state(row) == CRASHED}
        return any(not crashed or crashed.isdisjoint(self._requires(row[6])) for row in busy)

    def _requires(self, path: bytes) -> list[str]:
        return [name.decode() for name in self._property(path, b"Unit", b"Requires", b"as")]

    def _rows(self, patterns: Sequence[str]) -> dict[str, Sequence[Any]]:
        """Return what systemd lists of the loaded units that match a pattern (org.freedesktop.systemd1(5))."""
        found = self._call(self.manager.Manager.ListUnitsByPatterns, [], [pattern.encode() for pattern in patterns])
        return {row[0].decode(): row for row in found}

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method over D-Bus; raise ChainsawError for what systemd refuses, and when it does not answer."""
        try:
            return method(*arguments)
        except Exception as error:  # pystemd makes an exception class for each D-Bus error
            message = f"systemd's user manager refuses: {error}"
            raise ChainsawError(Diagnostic("systemd", message, hint="systemctl --user status")) from error

    def start_api(self) -> None:
        """Start the socket of Podman's API, also when its file is gone, as after `podman system reset`."""
        is_gone = not os.path.exists(f"{os.environ['XDG_RUNTIME_DIR']}/podman/podman.sock")
        if is_gone:
            # Its socket does not start while it runs.
            self.stop(["podman.service"], API_TIMEOUT)
        self.start([(API_SOCKET, is_gone)], API_TIMEOUT)

    def _reset_failed(self, name: str) -> None:
        with suppress(Exception):
            self.manager.Manager.ResetFailedUnit(name.encode())


def _state(row: Sequence[Any]) -> str:
    """Return the active state in a row of a listing, or CRASHED."""
    return CRASHED if row[4].startswith(b"auto-restart") and not row[7] else row[3].decode()


def _not_reloaded(name: str, why: str) -> ChainsawError:
    message = f"{name} has not taken over its new configuration: {why}"
    return ChainsawError(Diagnostic("not-reloaded", message, hint=f"journalctl --user -u {name} -n 30"))
