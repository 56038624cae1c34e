"""The admin's images, stored outside the account so that they are kept when it is emptied."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

LIVE = "home/admin/.local/share/containers/storage"
CONFIGURATION = "home/admin/.config/containers/storage.conf"


def save(home: Path, root: Path) -> None:
    """Move the images of ROOT to their place beside it, under the storage configuration they were made with."""
    live = root / LIVE
    if not _has(live, "overlay-images/images.json"):
        return
    place = _place(home, root)
    forget(place)
    place.parent.mkdir(exist_ok=True)
    live.rename(place)


def waits(home: Path, root: Path) -> bool:
    """Return whether images are saved for this storage configuration, and the account has no images or containers."""
    live = root / LIVE
    occupied = _has(live, "overlay-images/images.json") or _has(live, "overlay-containers/containers.json")
    return not occupied and _place(home, root).exists()


def bring_back(home: Path, root: Path) -> None:
    """Move the saved images into the account."""
    live = root / LIVE
    forget(live)
    missing = [path for path in live.parents if not path.exists()]
    owner = (root / "home/admin").stat()
    for path in reversed(missing):
        path.mkdir(mode=0o700)
        os.chown(path, owner.st_uid, owner.st_gid)
    _place(home, root).rename(live)


def forget(place: Path) -> None:
    """Remove a store."""
    if place.exists():
        shutil.rmtree(place)


def forget_all(home: Path) -> None:
    """Remove every saved store of a machine."""
    forget(home / "stores")


def _place(home: Path, root: Path) -> Path:
    # A store belongs to the driver that made it: podman refuses, or misreads, the one of another driver.
    configuration = root / CONFIGURATION
    text = configuration.read_bytes() if configuration.exists() else b""
    return home / "stores" / hashlib.sha256(text).hexdigest()[:12]


def _has(store: Path, listing: str) -> bool:
    try:
        return bool(json.loads((store / listing).read_text()))
    except (OSError, ValueError):
        return False
