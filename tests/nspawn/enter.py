"""Ways into a machine: a command as root, or as the admin in a login session."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from . import cgroup
from .host import MachineError, Process, attempt, wait_for

ADMIN = "admin"
ADMIN_ID = 1000
LOGIN_UNIT = "admin-login.service"


def as_root(leader: Process) -> list[str]:
    """Return the arguments that run a command in the machine as root."""
    return [*_into(leader, "init.scope"), *_environment("root", "/root", {})]


def as_admin(leader: Process) -> list[str]:
    """Return the arguments that run a command in the machine as the admin, in a login session."""
    session, runtime = _session(leader), f"/run/user/{ADMIN_ID}"
    variables = {}
    if Path(f"/proc/{leader.pid}/root{runtime}").is_dir():
        variables = {"XDG_RUNTIME_DIR": runtime, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}
    user = [f"--reuid={ADMIN_ID}", f"--regid={ADMIN_ID}", "--init-groups"]
    return [*_into(leader, session), *user, *_environment(ADMIN, f"/home/{ADMIN}", variables)]


def execute(leader: Process, user: str, command: Sequence[str]) -> NoReturn:
    """Replace this process by a command inside the machine, with a terminal if this one has one."""
    command = list(command) or ["bash", "--login"]
    if sys.stdin.isatty() and sys.stdout.isatty():
        command = ["script", "--quiet", "--return", "--command", shlex.join(command), "/dev/null"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    words = as_admin(leader) if user == ADMIN else as_root(leader)
    os.execvp(words[0], [*words, *command])


def _into(leader: Process, group: str) -> list[str]:
    # nsenter passes no signal on: without pdeathsig a command keeps running after its test was stopped by a timeout.
    enter = ["nsenter", "-t", str(leader.pid), "-a", "--", "setpriv", "--pdeathsig=TERM"]
    return [*cgroup.joining(leader, group), *enter]


def _environment(user: str, home: str, more: dict[str, str]) -> list[str]:
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    variables = {
        "HOME": home,
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "PATH": system if user == "root" else "/usr/local/bin:/usr/bin:/bin",
        "TERM": os.environ.get("TERM", "dumb"),
        **more,
    }
    return ["env", "-i", "-C", home, *(f"{name}={value}" for name, value in variables.items())]


def _session(leader: Process) -> str:
    found = cgroup.sessions(leader, ADMIN_ID)
    if not found:
        login = ["--quiet", "--collect", f"--uid={ADMIN}", f"--unit={LOGIN_UNIT}"]
        login += ["-p", "PAMName=login", "-p", "Type=exec", "-E", "XDG_SESSION_CLASS=user"]
        # It fails where another command logs in at the same moment; either session will do.
        attempt([*as_root(leader), "systemd-run", *login, "sleep", "infinity"])
        wait_for(lambda: bool(cgroup.sessions(leader, ADMIN_ID)), 5)
        found = cgroup.sessions(leader, ADMIN_ID)
    if not found:
        raise MachineError("the admin cannot log in; see: tests/machine root -- journalctl -b")
    return found[0]


def admin_run(launcher: Path, name: str, command: Sequence[str], stdin: int = subprocess.DEVNULL) -> bool:
    """Run a command as the admin, like `tests/machine admin`, and return whether it succeeded."""
    argv = [str(launcher), "--name", name, "admin", "--", *command]
    return subprocess.run(argv, stdin=stdin, stdout=subprocess.DEVNULL).returncode == 0
