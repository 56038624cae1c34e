"""user: add, remove and list the users of the site, and change their passwords and groups."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from chainsaw.compile.front.logins import USER as SERVICE
from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.podman.placement import Placement
from chainsaw.host.store import records
from chainsaw.host.store.users import as_bytes, read_probe, read_users
from chainsaw.load.check import nearest
from chainsaw.model.access import check_group, check_user, lets_in
from chainsaw.model.deployment import Manifest
from chainsaw.model.names import LOGINS
from chainsaw.model.users import MOST, User, Users
from chainsaw.model.volume import Ids
from chainsaw.work.locks import site
from chainsaw.work.result import Reporter, Result, Table
from chainsaw.work.users.passwords import hash_of, new_password, new_totp, totp_address

PROBE_BYTES = 32
KEPT = "a session that is open may last a minute more"


@dataclass(frozen=True)
class Wanted:
    """What is to be changed of a user: a password, or one that is made if `password` is None.

    `client` is for the password of programs, with False there is none; `totp` for a second factor, with False it ends.
    """

    password: str | None = None
    client: bool | None = None
    totp: bool | None = None


def add_user(account: Account, name: str, groups: Sequence[str], wanted: Wanted, report: Reporter) -> Result:
    """Add a user; raise ChainsawError when there is one of this name, or a name is no name."""
    _check_names(name, groups)
    with _changing(account, f"chainsaw user add {name}", report) as users:
        if name in users.users:
            raise invalid(Diagnostic("user-exists", f"there is a user {name}", hint=f"chainsaw user passwd {name}"))
        if len(users.users) >= MOST:
            raise invalid(Diagnostic("users-full", f"there are {MOST} users, which is the most"))
        _check_words(users, name, groups)
        password = wanted.password or new_password()
        user = User(
            password=hash_of(password),
            groups=tuple(sorted(set(groups))),
            totp=new_totp() if wanted.totp else None,
            changed=int(time.time()),
        )
        _keep(account, users.having(name, user), f"add {name}")
    return _told(account, name, user, f"{name} is added", password if wanted.password is None else "", wanted)


def change_password(account: Account, name: str, wanted: Wanted, report: Reporter) -> Result:
    """Give a user another password, or a password for programs, or a second factor.

    Raise ChainsawError when there is no user of this name.
    """
    if wanted.client is False:
        return _end_client(account, name, report)
    with _changing(account, f"chainsaw user passwd {name}", report) as users:
        user, password = _known(users, name), wanted.password or new_password()
        changed: dict[str, Any] = {"client" if wanted.client else "password": hash_of(password)}
        if not wanted.client:
            changed["changed"] = max(int(time.time()), user.changed + 1)
        if wanted.totp is not None:
            changed["totp"] = new_totp() if wanted.totp else None
        user = user.model_copy(update=changed)
        _keep(account, users.having(name, user), f"change {name}")
    what = "password for programs" if wanted.client else "password"
    return _told(
        account, name, user, f"the {what} of {name} is changed; {KEPT}", "" if wanted.password else password, wanted
    )


def _end_client(account: Account, name: str, report: Reporter) -> Result:
    """Let programs log in with the user's password again, or with none where there is a second factor."""
    with _changing(account, f"chainsaw user passwd {name}", report) as users:
        user = _known(users, name)
        if user.client is None:
            return Result({"user": name}, (f"{name} has no password for programs: nothing to do",))
        _keep(account, users.having(name, user.model_copy(update={"client": None})), f"change {name}")
    now = f"programs log in with the password of {name} again"
    if user.totp:
        now = f"programs cannot log in as {name} any more, who has a second factor"
    return Result({"user": name}, (f"{now}; one that is at it may go on for a minute",))


def set_groups(account: Account, name: str, groups: Sequence[str], report: Reporter) -> Result:
    """Put a user into these groups, and into no others; raise ChainsawError when there is no user of this name."""
    _check_names(name, groups)
    with _changing(account, f"chainsaw user groups {name}", report) as users:
        _check_words(users, name, groups)
        user = _known(users, name).model_copy(update={"groups": tuple(sorted(set(groups)))})
        users = users.having(name, user)
        _keep(account, users, f"change {name}")
    lines = (f"{name} is in {', '.join(user.groups) or 'no group'}; {KEPT}", *_shut(account.current(), users))
    return Result({"user": name, "groups": list(user.groups)}, lines)


def remove_user(account: Account, name: str, report: Reporter) -> Result:
    """Remove a user; raise ChainsawError when there is none of this name."""
    with _changing(account, f"chainsaw user remove {name}", report) as users:
        _known(users, name)
        users = users.having(name, None)
        _keep(account, users, f"remove {name}")
    return Result({"user": name}, (f"{name} is removed; {KEPT}", *_shut(account.current(), users)))


def user_names(account: Account) -> list[str]:
    """Return the names of all users."""
    return list(read_users(account.paths).users)


def list_users(account: Account) -> Result:
    """Return the users with their groups, and where each may log in."""
    users, manifest = read_users(account.paths), account.current()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "groups": list(user.groups),
            "totp": user.totp is not None,
            "client": user.client is not None,
            "changed": user.changed,
            "instances": list(_open_to(manifest, name, user)),
        }
        for name, user in users.users.items()
    ]
    shown = tuple(
        (
            row["name"],
            ", ".join(row["groups"]),
            "yes" if row["totp"] else "",
            time.strftime("%Y-%m-%d", time.localtime(row["changed"])),
            ", ".join(row["instances"]),
        )
        for row in rows
    )
    table = Table(("user", "groups", "second factor", "password since", "may visit"), shown)
    lines = () if rows else ("there are no users: chainsaw user add NAME",)
    return Result({"users": rows}, (*lines, *_shut(manifest, users)), table=table)


def _told(account: Account, name: str, user: User, line: str, password: str, wanted: Wanted) -> Result:
    """Return what the admin hands on: a password that was made, and what an authenticator takes."""
    data: dict[str, Any] = {"user": name, "groups": list(user.groups)}
    lines = [line]
    if password:
        data["password"] = password
        lines.append(f"password: {password}")
    if wanted.totp and user.totp:
        hosts = sorted(item.route.host for item in account.current().instances.values() if item.wall)
        data["totp"] = totp_address(name, user.totp, hosts[0] if hosts else "chainsaw")
        lines.append(f"for an authenticator, as text or as a code from qrencode: {data['totp']}")
    if password or wanted.totp:
        lines.append("it is not shown again")
    return Result(data, tuple(lines))


def _open_to(manifest: Manifest, name: str, user: User) -> Iterator[str]:
    for instance, item in manifest.instances.items():
        if item.wall and lets_in(item.wall.allow, {name: user.groups}):
            yield instance


def _shut(manifest: Manifest, users: Users) -> Iterator[str]:
    """Yield a line for each instance that nobody may visit any more."""
    for name, item in manifest.instances.items():
        if item.wall and item.wall.allow and not lets_in(item.wall.allow, users.groups):
            yield f"nobody can log in at {name} now: chainsaw user add NAME, or change auth: in instances/{name}.yaml"


def _check_names(name: str, groups: Sequence[str]) -> None:
    problems = []
    for check, values in ((check_user, [name]), (check_group, groups)):
        for value in values:
            try:
                check(value)
            except ValueError as error:
                problems.append(Diagnostic("name", str(error), key=value))
    if problems:
        raise invalid(problems)


def _check_words(users: Users, name: str, groups: Sequence[str]) -> None:
    """Raise ChainsawError where a user would have the name of a group: files that say who may log in name either."""
    every = {group for other, user in users.users.items() if other != name for group in user.groups} | set(groups)
    both = sorted(every & {*users.users, name})
    if both:
        message = f"{both[0]} would be a user and a group, and auth: in your files could mean either"
        raise invalid(Diagnostic("user-and-group", message, hint="choose another name for one of the two"))


def _known(users: Users, name: str) -> User:
    if name not in users.users:
        message = f"there is no user {name!r}{nearest(name, users.users)}"
        raise ChainsawError(Diagnostic("unknown-user", message, hint="chainsaw user list"), Exit.MISSING)
    return users.users[name]


@contextmanager
def _changing(account: Account, command: str, report: Reporter) -> Iterator[Users]:
    """Hold the site's lock, and give the users as they are."""
    with site(account, command, report):
        yield read_users(account.paths)


def _keep(account: Account, users: Users, what: str) -> None:
    """Write the users, first for the login service, if there is one, so that a command can be repeated."""
    paths, steps = account.paths, account.steps
    with steps.step("make the state directory"):
        records.prepare(paths)
        files.make_directory(paths.logins, 0o711)
    if users.probe != sha256(read_probe(paths).encode()).hexdigest():
        word = secrets.token_urlsafe(PROBE_BYTES)
        with steps.step("write the word of the probe"):
            files.write_atomic(paths.probe_file, word.encode(), 0o600)
        users = users.model_copy(update={"probe": sha256(word.encode()).hexdigest()})
    content, block = as_bytes(users), records.read_blocks(paths).get(LOGINS)
    if block is not None and files.exists(paths.users_copy):
        owner = Ids(uid=block + SERVICE, gid=block + SERVICE)
        with steps.step(f"{what} for the login service"):
            account.podman.place([Placement(paths.users_copy, 0o400, owner, content)])
    with steps.step(what):
        files.write_atomic(paths.users_file, content, 0o600)
