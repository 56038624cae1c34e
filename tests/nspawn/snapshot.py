"""Stored roots: each is a layer of files over the one it was made on, and a machine starts on a layer of its own above.

A machine that stands on a snapshot has `layers.json`, `upper` and `work` in its directory; its root is mounted while
it runs. Nothing depends on a snapshot being there but the machines that stand on it.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from . import root
from .host import MachineError, attempt, cache, locked, replace, run, say, wait_for
from .images import Image, rootfs

KEPT = 12
"""How many snapshots are kept beside those that others stand on; the newest of them."""
OPTIONS = "redirect_dir=on,index=off,volatile"
"""Directories can be renamed as on any file system. Without an index the kernel lets a machine boot again while the
last files of its life before are being closed. Nothing is synced: a power cut here ends processes alone."""


def place(name: str) -> Path:
    """Return the directory of a snapshot."""
    return cache() / "snapshots" / name


def stored(name: str) -> bool:
    """Say whether a snapshot is there, whole."""
    return (place(name) / "layers.json").exists()


def of_image(image: Image) -> str:
    """Return the snapshot of an image as it was unpacked, made now if there is none."""
    name = f"{image.name}-{image.key}"
    with locked(cache() / "locks" / "snapshots"):
        if not stored(name):
            tarball = image.build()
            say(f"unpacking the root {name}")
            root.unpack(tarball, place(name) / "layer")
            origin = {"kind": image.name, "key": image.key}
            replace(place(name) / "layers.json", json.dumps({**origin, "layers": [name]}))
    return name


def found(name: str | None) -> dict[str, object]:
    """Return the record of a snapshot, or of the bare Debian when none is named: its layers, and what they began as."""
    chosen = name or of_image(rootfs(empty=False))
    if not stored(chosen):
        raise MachineError(f"there is no snapshot {chosen}")
    os.utime(place(chosen))
    return dict(json.loads((place(chosen) / "layers.json").read_text()))


def stand(home: Path, record: dict[str, object]) -> None:
    """Let a machine without a root stand on the layers of a record."""
    for part in ("root", "upper", "work"):
        (home / part).mkdir(parents=True, exist_ok=True)
    replace(home / "origin.json", json.dumps({"kind": record["kind"], "key": record["key"]}))
    replace(home / "layers.json", json.dumps(record))


def stands(home: Path) -> bool:
    """Say whether a machine stands on a snapshot."""
    return (home / "layers.json").exists()


def attach(home: Path) -> None:
    """Mount the root of a machine that stands on a snapshot."""
    if not stands(home) or os.path.ismount(home / "root"):
        return
    # The kernel's mark of a mount that synced nothing: it refuses to mount that again after a crash of the host.
    shutil.rmtree(home / "work/work/incompat", ignore_errors=True)
    names = json.loads((home / "layers.json").read_text())["layers"]
    lower = ":".join(str(place(name) / "layer") for name in names)
    layers = f"lowerdir={lower},upperdir={home / 'upper'},workdir={home / 'work'}"
    mount = ["mount", "-t", "overlay", "overlay", "-o", f"{layers},{OPTIONS}", str(home / "root")]
    # Until the last process of the life before is gone, the layer is in use.
    if not wait_for(lambda: attempt(mount), 10):
        run(mount)


def detach(home: Path) -> None:
    """Take the mount away."""
    if os.path.ismount(home / "root"):
        # A process that was just killed may hold it for a moment.
        attempt(["umount", "--lazy", home / "root"])


def leave(home: Path) -> None:
    """Remove all that a machine has changed since it began to stand on a snapshot, and the root with it."""
    detach(home)
    (home / "layers.json").unlink(missing_ok=True)
    for part in ("upper", "work"):
        root.remove(home / part)
    root.remove(home / "root")


def take(home: Path, name: str, only: str | None) -> None:
    """Make a snapshot of a machine that is off and stands on one, or of ONLY a directory of what it has changed.

    The machine has no root afterwards.
    """
    if not stands(home):
        raise MachineError("only a machine that was made by `fresh` can become a snapshot")
    detach(home)
    if only:
        _forget_others(home / "upper", home / "upper" / only)
    record = json.loads((home / "layers.json").read_text())
    with locked(cache() / "locks" / "snapshots"):
        if not stored(name):
            place(name).mkdir(parents=True, exist_ok=True)
            root.remove(place(name) / "layer")
            (home / "upper").rename(place(name) / "layer")
            run(["sync", "--file-system", place(name)])
            replace(place(name) / "layers.json", json.dumps({**record, "layers": [name, *record["layers"]]}))
        leave(home)
        _prune()


def _forget_others(upper: Path, kept: Path) -> None:
    for path in upper.iterdir():
        if path == kept:
            continue
        if path in kept.parents:
            _forget_others(path, kept)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _prune() -> None:
    """Remove the snapshots that are old and that nobody stands on."""
    every = sorted((path for path in place("").glob("*") if path.is_dir()), key=lambda path: -path.stat().st_mtime)
    needed = {name for path in every[:KEPT] for name in _layers(path)}
    needed |= {name for home in (cache() / "machines").glob("*") for name in _layers(home)}
    for path in every:
        if path.name not in needed:
            (path / "layers.json").unlink(missing_ok=True)
            root.remove(path)


def _layers(home: Path) -> list[str]:
    try:
        return list(json.loads((home / "layers.json").read_text())["layers"])
    except (OSError, ValueError):
        return []
