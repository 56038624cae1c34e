"""setup --undo: takes back what only setup can have done; each change is listed before it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import facts, files, firewall, journal, readings, users
from chainsaw.host.account import Account
from chainsaw.model.paths import Paths
from chainsaw.work.config.names import declared_names
from chainsaw.work.config.on_disk import names_on_disk
from chainsaw.work.result import Reporter, Result
from chainsaw.work.system import host_files, setup
from chainsaw.work.system.host_files import MADE, connection_files, drop_ins
from chainsaw.work.system.setup import Change, account_of, described, make

PORTS = "net.ipv4.ip_unprivileged_port_start"
DEFAULT_PORT = 1024
"""The first port of ordinary users, unless the host is configured otherwise (ip-sysctl of the kernel)."""


def undo(user: str | None, dry_run: bool, report: Reporter) -> Result:
    """Take back what setup did for a user and for this host.

    Raise ChainsawError when not root, when there is no such user, and while the user has instances or generations.
    """
    account = account_of(user)
    _refuse(account)
    others = sorted(name for name, home in facts.homes().items() if name != account.name and _is_used(home))
    changes = [*_host_changes(others), *_drop_in_changes(account, others), *_name_changes(account, others)]
    kept = list(_kept(account, others))
    make(changes, dry_run, f"sudo chainsaw setup --undo --user {account.name}", report)
    lines = described(changes, dry_run) or ["nothing to take back"]
    lines += ["kept:", *(f"  {line}" for line in kept)] if kept else []
    what = [change.what for change in changes]
    return Result({"user": account.name, "changes": what, "kept": kept, "dry_run": dry_run}, tuple(lines))


def _is_used(home: str) -> bool:
    """Return whether chainsaw is in use below a home directory."""
    return files.exists(Paths.of(home, {}).generations)


def _refuse(account: Account) -> None:
    names = sorted(declared_names(account.paths) | names_on_disk(account.paths))
    if names or files.exists(account.paths.generations):
        what = f"instances: {', '.join(names)}" if names else "the front, and generations of it"
        purges = [f"chainsaw remove {name} --purge" for name in names]
        hint = f"as {account.name}: {'; '.join([*purges, 'chainsaw uninstall --all'])}"
        raise ChainsawError(Diagnostic("in-use", f"{account.name} still has {what}", hint=hint))


def _made_by_setup(file: str) -> bool:
    return (files.read_text(file) or "").startswith(MADE)


def _host_changes(others: list[str]) -> Iterator[Change]:
    """Yield what is taken back for the whole host, unless other users need it."""
    if others:
        return
    if _made_by_setup(host_files.SYSCTL):
        yield Change(f"remove {host_files.SYSCTL}", partial(files.remove, host_files.SYSCTL))
        if (files.read_text(facts.PORT_START) or "").strip() == "80" and not _set_elsewhere():
            effect = partial(files.write_kernel, facts.PORT_START, f"{DEFAULT_PORT}\n")
            yield Change(f"set {PORTS} to {DEFAULT_PORT}, the kernel's default", effect)
    if _made_by_setup(host_files.JOURNALD):

        def effect_on_journal() -> None:
            files.remove(host_files.JOURNALD)
            journal.restart()

        yield Change(f"remove {host_files.JOURNALD}: the journal has the limits of journald again", effect_on_journal)


def _drop_in_changes(account: Account, others: list[str]) -> Iterator[Change]:
    """Yield the removal of the drop-ins of systemd; those for all users stay as long as others need them."""
    every = [*drop_ins(account), *connection_files()]
    made = [item.path for item in every if not (item.shared and others) and _made_by_setup(item.path)]
    if not others and firewall.is_up():
        yield Change(f"stop {firewall.UNIT}", firewall.stop)
    yield from (Change(f"remove {path}", partial(files.remove, path)) for path in made)
    if made:
        yield Change("let systemd read its units again", partial(users.reload_manager, account))


def _set_elsewhere() -> bool:
    """Return whether another file sets from which port on ordinary users may listen."""
    found = readings.configuration("sysctl.d", ["/etc/sysctl.conf"])
    lines = [line for path, text in found if path != host_files.SYSCTL for line in text.splitlines()]
    return any(line.partition("=")[0].strip().lstrip("-").replace("/", ".") == PORTS for line in lines)


def _name_changes(account: Account, others: list[str]) -> Iterator[Change]:
    """Yield the changes that take the names of instances' ids away; where others have some, of this user's ids."""
    own = account.ranges.uids if others else ()
    for file in files.list_directory(setup.USERDB):
        user, _, kind = file.rpartition(".")
        if kind != "user" or files.link_target(f"{setup.USERDB}/{file}") is not None:
            continue
        uid = _named_id(f"{setup.USERDB}/{file}")
        if uid is not None and (not others or any(item.start <= uid < item.end for item in own)):
            yield Change(f"remove the name {user} of the id {uid}", partial(_forget, user, uid))


def _named_id(file: str) -> int | None:
    """Return the id that a user record of setup names; None when somebody else made it."""
    try:
        content = json.loads(files.read_text(file) or "")
        return int(content["uid"]) if content["service"] == setup.SERVICE else None
    except (ValueError, KeyError, TypeError):
        return None


def _forget(user: str, uid: int) -> None:
    for kind in ("user", "group"):
        if files.link_target(f"{setup.USERDB}/{uid}.{kind}") == f"{user}.{kind}":
            files.remove(f"{setup.USERDB}/{uid}.{kind}")
        files.remove(f"{setup.USERDB}/{user}.{kind}")


def _kept(account: Account, others: list[str]) -> Iterator[str]:
    """Yield what stays, because others use it, or because it is not recorded who wanted it."""
    shared = [item.path for item in drop_ins(account) if item.shared]
    for file in (host_files.SYSCTL, host_files.JOURNALD, *shared):
        if others and files.exists(file):
            yield f"{file}, as chainsaw is in use by {', '.join(others)}"
        elif files.exists(file) and not _made_by_setup(file):
            yield f"{file}, as it does not begin with: {MADE}"
    name, unknown = account.name, "it is not recorded whether setup did that"
    if files.exists(f"/var/lib/systemd/linger/{name}"):
        yield f"the services of {name} run without a login; {unknown}: sudo loginctl disable-linger {name}"
    if any(f"\n{name}:" in f"\n{files.read_text(file) or ''}" for file in ("/etc/subuid", "/etc/subgid")):
        yield f"the subordinate ids of {name}, in /etc/subuid and /etc/subgid; {unknown}"
    storage = f"{account.paths.config}/containers/storage.conf"
    if files.exists(storage):
        yield f"{storage}, as the images of {name} need it: podman system reset deletes them all"
    if files.exists("/var/log/journal"):
        yield "/var/log/journal, so the journal stays on the disk"
