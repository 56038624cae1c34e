"""Control groups: commands run in the group of a real login."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

from .host import MachineError, Process, attempt, output, replace, wait_for

HAS_SYSTEMD = Path("/run/systemd/system").is_dir()
LIMITS = "etc/containers/containers.conf.d/50-no-pids-controller.conf"


def hierarchies() -> list[Path]:
    """Return where the host mounts the hierarchies in which systemd names its groups."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2" or "name=systemd" in fields[3].split(",")]


def enclose(name: str) -> None:
    """Move this process into a group of its own: two machines in one group would share all groups below it."""
    for mount in () if HAS_SYSTEMD else hierarchies():
        group = mount / name
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(os.getpid()))


def scope(name: str) -> list[str]:
    """Return the arguments that start a command in a new group of systemd's hierarchy."""
    if not HAS_SYSTEMD:
        return []
    return ["systemd-run", "--quiet", "--scope", "--collect", f"--unit={name}", "--property=Delegate=yes", "--"]


def kill(name: str) -> None:
    """Kill all processes that are left in the group, and remove it."""
    if HAS_SYSTEMD:
        attempt(["systemctl", "kill", "--signal=SIGKILL", f"{name}.scope"])
        wait_for(lambda: not _loaded(f"{name}.scope"), 30)
    for mount in hierarchies():
        if not wait_for(partial(_removed, mount / name), 30):
            raise MachineError(f"{mount / name}: its processes do not end")


def top(leader: Process) -> Path | None:
    """Return the machine's own top group in the host's unified hierarchy, if there is one."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    mount = next((fields[1] for fields in mounts if fields[2] == "cgroup2"), None)
    groups = Path(f"/proc/{leader.pid}/cgroup").read_text().splitlines()
    own = next((group[3:] for group in groups if group.startswith("0::")), None)
    return Path(mount + own).parent if mount and own else None


def joining(leader: Process, group: str) -> list[str]:
    """Return the arguments that move a command into a group of the machine: logind does not do it from outside."""
    above = top(leader)
    if above is None:
        return []
    return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(above / group / "cgroup.procs")]


def sessions(leader: Process, uid: int) -> list[str]:
    """Return the groups of the user's login sessions that have a process."""
    above = top(leader)
    if above is None:
        return []
    found = above.glob(f"user.slice/user-{uid}.slice/session-*.scope")
    return [str(path.relative_to(above)) for path in sorted(found) if (path / "cgroup.procs").read_text()]


def limit_podman(leader: Process, root: Path) -> None:
    """Keep podman from setting limits for which this kernel gives the machine no controller."""
    above = top(leader)
    controllers = (above / "cgroup.controllers").read_text().split() if above else []
    if "pids" in controllers:
        (root / LIMITS).unlink(missing_ok=True)
    else:
        (root / LIMITS).parent.mkdir(parents=True, exist_ok=True)
        replace(root / LIMITS, "[containers]\npids_limit = 0\n")


def _loaded(unit: str) -> bool:
    return output(["systemctl", "show", "--property=LoadState", "--value", unit]).strip() == "loaded"


def _removed(group: Path) -> bool:
    for path, _, _ in os.walk(group, topdown=False):
        with suppress(FileNotFoundError):
            for pid in (Path(path) / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            os.rmdir(path)
    return not group.exists()
