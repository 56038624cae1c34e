"""What setup does as root for one account: subordinate ids, lingering, its session, its files and their file system.

Below the user's home everything is done as the user: root would follow a link that the user placed there.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainsaw.host import files, process
from chainsaw.host.account import Account


def add_subordinate_ids(user: Account, first: int, last: int) -> None:
    """Give a user a range of subordinate ids, both of users and of groups."""
    ids = f"{first}-{last}"
    process.run(["usermod", "--add-subuids", ids, "--add-subgids", ids, user.name])
    if files.exists(f"{user.runtime}/libpod/tmp/pause.pid"):
        # A running process keeps Podman's user namespace with the old ranges (podman-system-migrate(1)).
        _run_as(user, ["podman", "system", "migrate"])


def enable_linger(user: Account) -> None:
    """Let a user's services run without a login."""
    outcome = process.run(["loginctl", "enable-linger", user.name], check=False)
    if outcome.code:
        # This file is all that enable-linger writes; loginctl fails without polkit, and before logind is up.
        files.write_atomic(f"/var/lib/systemd/linger/{user.name}", b"")


def start_session_bus(user: Account) -> None:
    """Start the bus in a session that began before the package with the bus was installed."""
    for verb in (["daemon-reload"], ["start", "dbus.socket"]):
        _run_as(user, ["systemctl", "--user", *verb])


def reload_manager(user: Account) -> None:
    """Let systemd, and then the user's manager, take over what changed in drop-ins; no unit is restarted."""
    process.run(["systemctl", "daemon-reload"])
    if files.exists(f"{user.runtime}/systemd/private"):
        # Only a manager that starts again learns which controllers it has now; its units run on (systemctl(1)).
        _run_as(user, ["systemctl", "--user", "daemon-reexec"], check=False)


def has_unread_units(user: Account) -> bool:
    """Return whether systemd has not read what changed in the drop-ins for a user, as after an interrupted setup."""
    units = [f"user@{user.uid}.service", f"user-{user.uid}.slice"]
    if not files.exists("/run/systemd/system"):
        return False
    return "yes" in process.run(["systemctl", "show", "-P", "NeedDaemonReload", *units], check=False).text.split()


def write_file_as(user: Account, path: str, content: bytes) -> None:
    """Write a file below a user's home."""
    directory, partial = path.rpartition("/")[0], f"{path}{files.PARTIAL}"
    _run_as(user, ["mkdir", "-p", directory])
    _run_as(user, ["tee", partial], content)
    _run_as(user, ["sync", partial])
    _run_as(user, ["mv", "-T", partial, path])
    _run_as(user, ["sync", directory])


def file_system_of(path: str) -> str:
    """Return the type of the file system that a path is on, as mount(8) calls it; nothing when it is not known."""
    return process.run(["findmnt", "-n", "-o", "FSTYPE", "-T", path], check=False).text.strip()


def copies_by_reference(user: Account) -> bool:
    """Return whether a copy of a file in a user's home takes no space of its own, by copying one (cp(1), --reflink)."""
    directory = _run_as(user, ["mktemp", "-d", f"{user.paths.home}/.chainsaw-XXXXXXXXXX"]).text
    try:
        _run_as(user, ["tee", f"{directory}/file"], b"x" * 8192)
        outcome = _run_as(user, ["cp", "--reflink=always", f"{directory}/file", f"{directory}/copy"], check=False)
    finally:
        _run_as(user, ["rm", "-rf", "--", directory])
    return outcome.code == 0


def _run_as(user: Account, argv: Sequence[str], stdin: bytes = b"", *, check: bool = True) -> process.Outcome:
    bus = f"DBUS_SESSION_BUS_ADDRESS=unix:path={user.runtime}/bus"
    environment = [f"XDG_RUNTIME_DIR={user.runtime}", bus, f"HOME={user.paths.home}"]
    words = ["runuser", "-u", user.name, "--", "env", "-C", user.paths.home, *environment, *argv]
    return process.run(words, stdin=stdin, check=check)
