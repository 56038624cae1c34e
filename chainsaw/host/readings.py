"""What the checks of doctor need, read from files and from the kernel; nothing is started or changed."""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import re
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from chainsaw.checks.observed import Clock, Files, IdNames, ImageStore, JournalStore, Leftovers, Space
from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.podman import storage
from chainsaw.host.store import generations, operations
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths

LINGER = "/var/lib/systemd/linger"
CONTROL_GROUPS = "/sys/fs/cgroup"
PRECEDENCE = ("/etc", "/run", "/usr/local/lib", "/usr/lib")
"""Of two configuration files of one name, that in the first of these directories is read (systemd.syntax(7))."""
NGINX = re.compile(rb"nginx/([0-9]+)\.([0-9]+)\.([0-9]+)")
"""NGINX_VER of nginx's src/core/nginx.h, as it is found in the program."""


def text_of(path: str) -> str | None:
    """Return a text file's content, or None when it does not exist or cannot be read."""
    try:
        return files.read_text(path)
    except ChainsawError:
        return None


def text_or_nothing(path: str) -> str | None:
    """Return a text file's content, an empty text when it does not exist, or None when it cannot be read."""
    return text_of(path) if files.exists(path) else ""


def lingers(user: str) -> bool | None:
    """Return whether a user lingers; None when that cannot be read."""
    if files.exists(LINGER) and not os.access(LINGER, os.R_OK | os.X_OK):
        return None
    return files.exists(f"{LINGER}/{user}")


def in_container() -> bool:
    """Return whether this host is a container (systemd's Container Interface, /run/systemd/container)."""
    return files.exists("/run/systemd/container")


def image_store(paths: Paths) -> ImageStore:
    """Return which drivers have stored images, and whether a mount program did."""
    root = storage.graph_root(paths)
    drivers = [name.removesuffix("-images") for name in _names(root) if name.endswith("-images")]
    filled = [name for name in drivers if files.exists(f"{root}/{name}-images/images.json")]
    return ImageStore(frozenset(filled), text_of(f"{root}/overlay/.has-mount-program"))


def has_api_socket(runtime: str) -> bool:
    """Return whether the socket of Podman's API is there; `runtime` is XDG_RUNTIME_DIR."""
    return files.exists(f"{runtime}/podman/podman.sock")


def nginx_version(paths: Paths, reference: str) -> tuple[int, int, int] | None:
    """Return the version of nginx in an image, read from its program in the store; None when that is not found.

    The admin can read the files of a layer, but not those of a mounted container: FUSE allows only its own user.
    """
    root = f"{paths.data}/containers/storage"
    try:
        images, layers = (
            json.loads(text_of(f"{root}/overlay-{kind}/{kind}.json") or "[]") for kind in ("images", "layers")
        )
        parents = {item["id"]: item.get("parent", "") for item in layers}
        layer = next((item["layer"] for item in images if reference in (item.get("names") or ())), "")
        while layer:
            program = Path(root, "overlay", layer, "diff/usr/sbin/nginx")
            if program.exists():
                found = NGINX.search(program.read_bytes())
                return (int(found[1]), int(found[2]), int(found[3])) if found else None
            layer = parents.get(layer, "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return None


def python_version() -> tuple[int, int]:
    """Return the version of Python that runs this."""
    return sys.version_info[:2]


def has_program(name: str) -> bool:
    """Return whether a program is on the PATH, or at an absolute path."""
    return shutil.which(name) is not None


def journal_store() -> JournalStore | None:
    """Return where the journal of this host is (systemd-journald.service(8), FILES); None when that cannot be read."""
    machine = (text_of("/etc/machine-id") or "").strip()
    disk, memory = f"/var/log/journal/{machine}", f"/run/log/journal/{machine}"
    if not machine or (files.exists(disk) and not os.access(disk, os.R_OK | os.X_OK)):
        return None
    size = sum(_blocks(f"{disk}/{name}") for name in _names(disk))
    return JournalStore(files.exists(f"{disk}/system.journal"), files.exists(f"{memory}/system.journal"), size)


def _blocks(path: str) -> int:
    try:
        return os.lstat(path).st_blocks * 512
    except OSError:
        return 0


def configuration(name: str, main: Sequence[str]) -> Files:
    """Return the main file and the drop-ins of a kind, such as `systemd/journald.conf.d`, in the order of reading."""
    first = [path for path in main if files.exists(path)][:1]
    chosen: dict[str, str] = {}
    for directory in PRECEDENCE:
        for file in _names(f"{directory}/{name}"):
            if file.endswith(".conf"):
                chosen.setdefault(file, f"{directory}/{name}/{file}")
    read = [*first, *(chosen[file] for file in sorted(chosen))]
    return tuple((path, text) for path in read if (text := text_of(path)) is not None)


def _names(directory: str) -> list[str]:
    try:
        return files.list_directory(directory)
    except OSError:
        return []


class _Timex(ctypes.Structure):
    """The beginning of struct timex, and room for the rest (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_long * 60),
    )


def clock(paths: Paths) -> Clock:
    """Return the clock, with the kernel's estimate of its error; with modes 0, adjtimex(2) only reads."""
    state = _Timex()
    try:
        read = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state)) >= 0
    except (OSError, AttributeError):
        read = False
    written = generations.written_at(paths, generations.current_number(paths))
    return Clock(time.time(), state.maxerror / 1e6 if read else None, written, in_container())


def spaces(places: Mapping[str, str]) -> list[Space]:
    """Return the file systems on which some places are; `places` are paths by what is there (statvfs(3))."""
    contents: dict[str, list[str]] = {}
    for what, path in places.items():
        with suppress(OSError):
            contents.setdefault(_mount_point(path), []).append(what)
    found = []
    for place, kinds in contents.items():
        with suppress(OSError):
            state = os.statvfs(place)
            size, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
            found.append(Space(tuple(kinds), place, size, free, state.f_files, state.f_favail))
    return found


def _mount_point(path: str) -> str:
    """Return the highest directory above a path, or above where it would be, that is on the same file system."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    path = os.path.realpath(path)
    device = os.stat(path).st_dev
    while path != "/" and os.stat(os.path.dirname(path)).st_dev == device:
        path = os.path.dirname(path)
    return path


def controllers(uid: int) -> tuple[str | None, str | None]:
    """Return the controllers of a user's manager, and those at the root of the hierarchy (user@.service(5))."""
    own = f"user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers"
    return text_of(f"{CONTROL_GROUPS}/{own}"), text_of(f"{CONTROL_GROUPS}/cgroup.controllers")


def manager_processes(uid: int) -> dict[int, str]:
    """Return the processes of a user's manager and of all its units, each with its name (cgroups(7), proc(5))."""
    top = f"{CONTROL_GROUPS}/user.slice/user-{uid}.slice/user@{uid}.service"
    found: dict[int, str] = {}
    for directory, _, _ in os.walk(top):
        for number in (text_of(f"{directory}/cgroup.procs") or "").split():
            if name := (text_of(f"/proc/{number}/comm") or "").strip():
                found[int(number)] = name
    return found


def named_ids(blocks: Mapping[str, int]) -> IdNames:
    """Return the name of the first id of each block, as `ps` and `ls` show it (nsswitch.conf(5))."""
    switch = re.search(r"^passwd:.*$", text_of("/etc/nsswitch.conf") or "", re.MULTILINE)
    return IdNames({name: _name_of(start) for name, start in blocks.items()}, bool(switch and "systemd" in switch[0]))


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def own_names() -> frozenset[str]:
    """Return the names that this host resolves itself: its own, and those in /etc/hosts (hosts(5))."""
    lines = [line.partition("#")[0].split()[1:] for line in (text_of("/etc/hosts") or "").splitlines()]
    return frozenset({os.uname().nodename, *(name for line in lines for name in line)})


def limits(paths: Paths, manifest: Manifest) -> dict[str, int | None]:
    """Return MemoryMax= of each unit that the current generation has a quadlet for, in bytes."""
    found: dict[str, int | None] = {}
    for path in manifest.files:
        if path.startswith("quadlets/") and path.endswith(".container"):
            match = re.search(r"^MemoryMax=([0-9]+)([KMGT]?)$", text_of(f"{paths.current}/{path}") or "", re.MULTILINE)
            unit = path.removeprefix("quadlets/").removesuffix(".container")
            found[unit] = int(match[1]) << 10 * " KMGT".index(match[2] or " ") if match else None
    return found


def front_ports(paths: Paths) -> tuple[int, int] | None:
    """Return the plain port and the one for TLS on which the current generation listens; None when there is none."""
    text = text_of(f"{paths.current}/units/chainsaw-front.socket") or ""
    ports = list(dict.fromkeys(int(port) for port in re.findall(r"^ListenStream=.*:([0-9]+)$", text, re.MULTILINE)))
    return (ports[0], ports[1]) if len(ports) == 2 else None


def leftovers(paths: Paths) -> Leftovers:
    """Return what a crash left behind, such as *.partial: files that are not complete have this suffix."""
    current, unfinished = generations.current_number(paths), operations.unfinished(paths)
    instances = [paths.instance(name) for name in _names(f"{paths.root}/instances")]
    kept = [f"{place}/{part}" for place in instances for part in ("volumes", "secrets")]
    kept += [f"{paths.public}/{name}" for name in _names(paths.public) if not name.startswith(".")]
    return Leftovers(
        unfinished=unfinished.switch or bool(unfinished.instances),
        newer=tuple(number for number in generations.numbers(paths) if number > current),
        unfinished_files=tuple(_partial([*_generated_places(paths), f"{paths.root}/instances", *instances])),
        others=(*_partial([*kept, f"{paths.root}/backups", f"{paths.root}/secrets"]), *_builds()),
        holder=next((found for name in _names(paths.locks) if (found := _holder(f"{paths.locks}/{name}"))), ""),
    )


def _generated_places(paths: Paths) -> list[str]:
    """Return the directories that hold only files which chainsaw can generate again."""
    own = [paths.own_files, *(f"{paths.own_files}/{name}" for name in ("instances", "notes", "removed", "sources"))]
    links = [
        paths.unit_links,
        *(f"{paths.unit_links}/{name}" for name in ("default.target.wants", "app@.service.d")),
        paths.quadlet_link.rpartition("/")[0],
    ]
    state = [f"{paths.state}/chainsaw", paths.generations, paths.trials]
    front = [paths.front, f"{paths.front}/issued", paths.authority, paths.certificates]
    front += [f"{paths.certificates}/{name}" for name in _names(paths.certificates)]
    recipes = [paths.static, paths.recipes, *(f"{paths.recipes}/{name}" for name in _names(paths.recipes))]
    return [*own, *links, *state, paths.root, *front, *recipes]


def _partial(directories: Collection[str]) -> list[str]:
    return [f"{place}/{name}" for place in directories for name in _names(place) if name.endswith(".partial")]


def _builds() -> Iterator[str]:
    """Yield the directories of the admin's builds."""
    directory, _, prefix = storage.BUILDS.rpartition("/")
    for place in (f"{directory}/{name}" for name in _names(directory) if name.startswith(prefix)):
        with suppress(FileNotFoundError):
            if os.lstat(place).st_uid == os.getuid():
                yield place


def _holder(lock: str) -> str:
    """Return the process that holds the lock: the one in the lock file, if the kernel lists it (proc_locks(5))."""
    note = re.search(r'"pid": ([0-9]+), "command": "([^"]*)"', text_of(lock) or "")
    if not note:
        return ""
    try:
        inode = os.stat(lock).st_ino
    except OSError:
        return ""
    held = re.search(rf"FLOCK +ADVISORY +WRITE +{note[1]} [0-9a-f]+:[0-9a-f]+:{inode} ", text_of("/proc/locks") or "")
    return f"{note[2]} (process {note[1]})" if held else ""
