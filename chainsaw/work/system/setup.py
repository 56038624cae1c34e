"""setup: prepares what needs root; it can be run again. Each change is listed before it is made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from chainsaw.compile.blocks import free_blocks, parse_ranges
from chainsaw.errors import ChainsawError, Diagnostic, Exit, host_lacks
from chainsaw.host import facts, files, firewall, journal, users
from chainsaw.host.account import Account
from chainsaw.host.store import records
from chainsaw.model.block import SIZE
from chainsaw.model.names import FRONT, LOGINS, check_instance
from chainsaw.model.paths import Paths
from chainsaw.work.result import Reporter, Result
from chainsaw.work.system import host_files
from chainsaw.work.system.host_files import (
    INOTIFY,
    MADE,
    HostFile,
    connection_files,
    drop_ins,
    inotify_limit,
    sysctl_file,
)

USERDB = "/etc/userdb"
SERVICE = "chainsaw"
"""Who made a user record, as the record itself says."""
FUSE = "/usr/bin/fuse-overlayfs"
FRONT_WORKER = 33
"""The uid of Debian's www-data, under which the front's nginx workers run."""
REFLINKING = frozenset({"btrfs", "xfs"})


UNBOUNDED = Diagnostic(
    "unbounded",
    f"one address can hold all connections of the front: {firewall.UNIT} does not start",
    hint=f"systemctl status {firewall.UNIT}",
    severity="warning",
)


@dataclass(frozen=True)
class Change:
    """One change that root makes: its description, and the function that makes it."""

    what: str
    effect: Callable[[], object]


def setup(user: str | None, blocks: str, driver: str | None, dry_run: bool, report: Reporter) -> Result:
    """Prepare this host for a user; raise ChainsawError when not root, or when there is no such user."""
    account = account_of(user)
    changes = list(_changes(account, _wanted(account, blocks), driver))
    make(changes, dry_run, f"sudo chainsaw setup --user {account.name}", report)
    lines = described(changes, dry_run) or [f"nothing to change: {account.name} is prepared"]
    if changes and not dry_run:
        is_new = not records.read_blocks(account.paths)
        more = f" Next, as {account.name}: chainsaw new wordpress blog; chainsaw apply" if is_new else ""
        lines.append(f"{account.name} is prepared.{more}")
    data = {"user": account.name, "changes": [change.what for change in changes], "dry_run": dry_run}
    return Result(data, tuple(lines), () if dry_run or firewall.is_up() else (UNBOUNDED,))


def make(changes: Sequence[Change], dry_run: bool, command: str, report: Reporter) -> None:
    """Make changes, unless it is a dry run; raise ChainsawError, which shows the command to use, when not root."""
    if changes and not dry_run and not facts.is_root():
        raise ChainsawError(Diagnostic("not-root", "setup changes the host and needs root", hint=command), Exit.USAGE)
    for change in changes if not dry_run else ():
        report.doing(change.what)
        change.effect()


def described(changes: Sequence[Change], dry_run: bool) -> list[str]:
    """Return a line for each change, in the words for what would be done if it is a dry run."""
    return [f"would: {change.what}" if dry_run else change.what for change in changes]


def account_of(user: str | None) -> Account:
    """Return the account of a user, by default of who called sudo; raise ChainsawError for root, and for nobody."""
    name = user or facts.asking_user()
    entry = facts.user_named(name)
    if entry is None:
        hint = f"sudo adduser {name}"
        raise ChainsawError(Diagnostic("no-user", f"there is no user {name!r}", hint=hint), Exit.MISSING)
    if entry.pw_uid == 0:
        message = "chainsaw runs applications for an ordinary user, never for root"
        raise ChainsawError(Diagnostic("root-user", message, hint="sudo chainsaw setup --user NAME"), Exit.USAGE)
    return Account(name, entry.pw_uid, Paths.of(entry.pw_dir, {}), f"/run/user/{entry.pw_uid}")


def _wanted(account: Account, blocks: str) -> int:
    """Return how many blocks to provide."""
    if not re.fullmatch(r"\+?[1-9][0-9]{0,3}", blocks):
        raise ChainsawError(Diagnostic("blocks", "a number of blocks, or +N for N more", key=blocks), Exit.USAGE)
    have = len(_own_blocks(account.name, account.uid))
    return have + int(blocks[1:]) if blocks.startswith("+") else int(blocks)


def _own_blocks(name: str, uid: int) -> list[int]:
    ranges = facts.ranges_of(name, uid)
    return [block.start for block in free_blocks(ranges.uids, ranges.gids, ())]


def _changes(account: Account, blocks: int, driver: str | None) -> Iterator[Change]:
    yield from _range_changes(account, blocks)
    linger = f"/var/lib/systemd/linger/{account.name}"
    if not files.exists(linger):
        yield Change(f"let the services of {account.name} run without a login", lambda: users.enable_linger(account))
    if files.exists(f"{account.runtime}/systemd/private") and not files.exists(f"{account.runtime}/bus"):
        yield Change(f"start the message bus of {account.name}'s session", lambda: users.start_session_bus(account))
    yield from _sysctl_changes()
    yield from _drop_in_changes(account)
    yield from _journal_changes()
    yield from _storage_changes(account, driver)
    yield from _userdb_changes(account)


def _range_changes(account: Account, blocks: int) -> Iterator[Change]:
    missing = blocks - len(_own_blocks(account.name, account.uid))
    if missing <= 0:
        return
    every = [item for file in ("/etc/subuid", "/etc/subgid") for item in parse_ranges(files.read_text(file) or "")]
    first = max([3 * SIZE, *(-(-item.end // SIZE) * SIZE for item in every)])
    last = first + missing * SIZE - 1
    if last >= 2**32 - 2 * SIZE:
        raise host_lacks(Diagnostic("ids-exhausted", f"there are not {missing} blocks of ids left", "/etc/subuid"))
    yield Change(
        f"give {account.name} the subordinate ids {first}-{last}: {missing} blocks",
        lambda: users.add_subordinate_ids(account, first, last),
    )


def _sysctl_changes() -> Iterator[Change]:
    wanted = sysctl_file()
    if files.read_text(wanted.path) != wanted.text:
        yield _writing(wanted)
    if int((files.read_text(facts.PORT_START) or "1024").strip()) > 80:
        yield Change(
            "set net.ipv4.ip_unprivileged_port_start to 80", lambda: files.write_kernel(facts.PORT_START, "80\n")
        )
    for name, value in INOTIFY.items():
        place = f"{facts.INOTIFY}/{name}"
        # In a system container these are the host's, and cannot be written.
        if inotify_limit(name) < value and files.is_writable(place):
            yield Change(f"set fs.inotify.{name} to {value}", partial(files.write_kernel, place, f"{value}\n"))


def _writing(wanted: HostFile) -> Change:
    effect = partial(files.write_atomic, wanted.path, wanted.text.encode())
    return Change(f"write {wanted.path}: {wanted.why}", effect)


def _others(account: Account) -> dict[str, int]:
    """Return the other users of chainsaw on this host, with their ids."""
    used = [name for name, home in facts.homes().items() if files.exists(Paths.of(home, {}).generations)]
    entries = [entry for name in used if name != account.name and (entry := facts.user_named(name))]
    return {entry.pw_name: entry.pw_uid for entry in entries}


def _drop_in_changes(account: Account) -> Iterator[Change]:
    bounds = list(connection_files())
    wanted = [*drop_ins(account, _others(account)), *bounds]
    missing = [item for item in wanted if files.read_text(item.path) != item.text]
    yield from map(_writing, missing)
    if missing or users.has_unread_units(account):
        yield Change("let systemd read its units again", partial(users.reload_manager, account))
    if not firewall.is_up() or any(item in missing for item in bounds):
        yield Change(f"start {firewall.UNIT}", firewall.start)


def _journal_changes() -> Iterator[Change]:
    why = f"{MADE}: logs survive a reboot, and are bounded.\n"
    text = f"{why}[Journal]\nStorage=persistent\nSystemMaxUse=500M\n"
    if files.read_text(host_files.JOURNALD) != text:

        def effect() -> None:
            files.write_atomic(host_files.JOURNALD, text.encode())
            journal.restart()

        yield Change(f"write {host_files.JOURNALD}: the journal is kept on disk, 524 MB at most", effect)


def _storage_changes(account: Account, driver: str | None) -> Iterator[Change]:
    file = f"{account.paths.config}/containers/storage.conf"
    if files.exists(file):
        return
    chosen = driver or _fitting_driver(account)
    text = f'{MADE}. Another driver needs: podman system reset\n[storage]\ndriver = "overlay"\n'
    if chosen == "fuse-overlayfs":
        text += f'\n[storage.options.overlay]\nmount_program = "{FUSE}"\n'
        if not files.exists(FUSE):
            raise host_lacks(Diagnostic("no-fuse", f"{FUSE} is not there", hint="sudo apt install fuse-overlayfs"))
    why = (
        "images are shared between instances without a copy"
        if chosen != "overlay"
        else "this file system copies by reference"
    )
    yield Change(
        f"choose the storage driver {chosen}: {why}", lambda: users.write_file_as(account, file, text.encode())
    )


def _fitting_driver(account: Account) -> str:
    """Return native overlay where a copy of an image costs nothing, fuse-overlayfs elsewhere."""
    fitting = users.file_system_of(account.paths.home) in REFLINKING and users.copies_by_reference(account)
    return "overlay" if fitting else "fuse-overlayfs"


def _userdb_changes(account: Account) -> Iterator[Change]:
    """Yield the changes that give the ids of each instance a name, which `ps` and `ls` then print."""
    own = set(_own_blocks(account.name, account.uid))
    for name, start in sorted(records.read_blocks(account.paths).items()):
        if start not in own or not _is_name(name):
            continue
        people = {
            f"chainsaw-{name}-root": start,
            f"chainsaw-{name}": start + (FRONT_WORKER if name == FRONT else 1000),
        }
        fresh = {user: uid for user, uid in people.items() if not _is_published(user, uid)}
        if fresh:
            yield Change(
                f"name the ids of {name}: {', '.join(f'{uid} is {user}' for user, uid in fresh.items())}",
                partial(_publish_all, fresh),
            )


def _is_name(name: str) -> bool:
    try:
        return name in (FRONT, LOGINS) or bool(check_instance(name))
    except ValueError:
        return False


def _is_published(user: str, uid: int) -> bool:
    text = files.read_text(f"{USERDB}/{user}.user")
    return text is not None and json.loads(text).get("uid") == uid and files.exists(f"{USERDB}/{uid}.user")


def _publish_all(people: Mapping[str, int]) -> None:
    for user, uid in people.items():
        _publish(user, uid)


def _publish(user: str, uid: int) -> None:
    """Write a user record and a group record with their numeric links (nss-systemd(8), systemd.io/USER_RECORD)."""
    common = {"disposition": "container", "service": SERVICE}
    person = {"userName": user, "uid": uid, "gid": uid, "shell": "/usr/sbin/nologin", "locked": True, **common}
    group = {"groupName": user, "gid": uid, **common}
    for kind, content in (("user", person), ("group", group)):
        files.write_atomic(f"{USERDB}/{user}.{kind}", (json.dumps(content) + "\n").encode())
        files.replace_link(f"{USERDB}/{uid}.{kind}", f"{user}.{kind}")
