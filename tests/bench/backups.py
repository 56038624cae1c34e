"""A backup and a restore of a volume, against tar and zstd, and against podman volume export, of the same data."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path

from . import site
from .measure import alternate, do, say, spend
from .report import Row, compare, ratio, spread

NAME = "big"
LARGE, SMALL = 600, 2400
"""Photographs of 1 MB, and texts of some kilobytes."""
REPETITIONS = 3
TARGET = "at most 1.11 (0.9 of the speed)"
WORDS = ["walk", "lake", "hill", "boat", "rain", "stone", "bridge", "meadow", "harbour", "lighthouse"]
PLACE = site.DATA / "backups" / NAME
VOLUME = site.DATA / "public" / NAME / "site"
COPY = Path.home() / "copy.tar.zst"
UNPACKED = Path.home() / "unpacked"
REPOSITORY = Path.home() / "repository"
PODMAN_VOLUME = "bench-big"


def _fill(root: Path) -> None:
    dice = random.Random(1)
    for number in range(LARGE):
        path = root / f"photos/{number % 20}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(2**20))
    for number in range(SMALL):
        path = root / f"texts/{number % 50}/{number}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(dice.choices(WORDS, k=dice.randrange(100, 3000))))


def _clear() -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    COPY.unlink(missing_ok=True)
    shutil.rmtree(UNPACKED, ignore_errors=True)


def _backup(_: int) -> float:
    _clear()
    return spend(["chainsaw", "backup", NAME]).wall


def _tar(_: int) -> float:
    _clear()
    line = f"podman unshare tar -c -C {VOLUME} . | zstd -q -T0 > {COPY} && sync {COPY}"
    return spend(["bash", "-c", f"set -o pipefail; {line}"]).wall


def _export(_: int) -> float:
    _clear()
    line = f"podman volume export {PODMAN_VOLUME} | zstd -q -T0 > {COPY} && sync {COPY}"
    return spend(["bash", "-c", f"set -o pipefail; {line}"]).wall


def _restore(_: int) -> float:
    return spend(["chainsaw", "restore", NAME, "--no-backup"]).wall


def _untar(_: int) -> float:
    shutil.rmtree(UNPACKED, ignore_errors=True)
    UNPACKED.mkdir()
    line = f"zstd -q -d < {COPY} | podman unshare tar -x -C {UNPACKED} && sync -f {UNPACKED}"
    return spend(["bash", "-c", f"set -o pipefail; {line}"]).wall


def _saved() -> tuple[int, float]:
    """Back up into a repository; return the bytes that were added, and the seconds."""
    began = time.perf_counter()
    made = json.loads(do("chainsaw", "backup", NAME, "--to", f"restic:{REPOSITORY}", "--json"))
    return made["data"]["backups"][0]["bytes"], time.perf_counter() - began


def _change() -> int:
    """Write every hundredth file again; return their bytes."""
    dice, changed = random.Random(2), sorted(path for path in VOLUME.rglob("*") if path.is_file())[::100]
    for path in changed:
        path.write_bytes(dice.randbytes(path.stat().st_size))
    return sum(path.stat().st_size for path in changed)


def _repository(size: float) -> list[Row]:
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    (first, slow), changed = _saved(), _change()
    added, fast = _saved()
    shutil.rmtree(REPOSITORY)
    return [
        Row(f"a repository: first backup of {size:,.0f} MB", f"{slow:.1f} s, {first / 2**20:,.0f} MB"),
        Row(
            "again, after 1 % of the files has changed",
            f"{fast:.1f} s, {added / 2**20:.1f} MB",
            f"{changed / 2**20:.1f} MB changed",
            f"{added / changed:.2f}",
        ),
    ]


def rows() -> list[Row]:
    """Measure a volume of a static site, which nothing needs to be stopped for."""
    site.declare(NAME, "static")
    site.wait_until_quiet("a static site")
    little = spend(["chainsaw", "backup", NAME]).memory
    say("writing files …")
    _fill(VOLUME)
    much = spend(["chainsaw", "backup", NAME, "--accept-shrink"]).memory
    do("podman", "volume", "create", PODMAN_VOLUME)
    mount = do("podman", "volume", "inspect", "--format", "{{.Mountpoint}}", PODMAN_VOLUME).strip()
    do("cp", "-a", f"{VOLUME}/.", mount)
    ours, peers = alternate(REPETITIONS, _backup, _tar)
    again, exports = alternate(REPETITIONS, _backup, _export)
    _tar(0)
    kept = COPY.read_bytes()
    _backup(0)
    COPY.write_bytes(kept)
    restores, untars = alternate(REPETITIONS, _restore, _untar)
    size = sum(path.stat().st_size for path in VOLUME.rglob("*") if path.is_file()) / 2**20
    rates = [size / value for value in ours]
    return [
        compare(f"backup of {size:,.0f} MB; peer: tar and zstd", ours, peers, TARGET),
        compare("the same; peer: podman volume export and zstd", again, exports, TARGET),
        compare("restore of it, checked; peer: zstd and tar", restores, untars, TARGET),
        Row(
            "throughput of the backup", spread(rates, "MB/s", 0), ratio=ratio(rates, [size / value for value in peers])
        ),
        Row(
            f"memory of the largest process, {size:,.0f} MB; peer: the same, of one file",
            f"{much:.0f} MB",
            f"{little:.0f} MB",
            f"{much / little:.2f}",
        ),
        *_repository(size),
    ]
