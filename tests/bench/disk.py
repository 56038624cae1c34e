"""What a second WordPress adds to the disk before its data."""

from __future__ import annotations

from pathlib import Path

from . import site
from .byhand import BLOCK, TEMPLATE, last_block
from .generated import container
from .measure import Argument, BenchError, attempt, do, say
from .report import Row

SECOND = "second"
STORE = Path.home() / ".local/share/containers"
NATIVE = Path.home() / "native"
MB = 1_000_000


def _used(*paths: Path, without: tuple[Path, ...] = ()) -> float:
    """Return what files occupy, in MB, as root sees them."""
    exclude = [f"--exclude={path}" for path in without]
    report = do("sudo", "du", "--one-file-system", "--total", "--summarize", "--block-size=1", *exclude, *paths)
    return int(report.splitlines()[-1].split()[0]) / MB


def _ours() -> float:
    data = (site.DATA / "public", *(site.DATA / "instances" / name / "volumes" for name in (TEMPLATE, SECOND)))
    return _used(STORE, site.DATA, site.STATE, site.CONFIG, without=data)


def _native() -> float:
    """Return what a further user namespace adds with native overlay, in a store of its own."""
    say("a store with native overlay …")
    settings = NATIVE / "storage.conf"
    do("sudo", "rm", "-rf", NATIVE)
    NATIVE.mkdir()
    settings.write_text('[storage]\ndriver = "overlay"\n')
    store: list[Argument] = ["--root", NATIVE / "root", "--runroot", NATIVE / "run", "--tmpdir", NATIVE / "tmp"]
    podman: list[Argument] = ["env", f"CONTAINERS_STORAGE_CONF={settings}", "podman", *store]
    images = [container(f"app@{TEMPLATE}").image, container(f"app@{TEMPLATE}.db").image]
    do("podman", "save", "--quiet", "--multi-image-archive", "--output", NATIVE / "images.tar", *images)
    do(*podman, "load", "--quiet", "--input", NATIVE / "images.tar")
    sizes = []
    for number in range(2):
        block = last_block() - number * BLOCK
        for image in images:
            do(*podman, "create", f"--uidmap=0:@{block}:{BLOCK}", f"--gidmap=0:@{block}:{BLOCK}", image)
        sizes.append(_used(NATIVE / "root"))
    driver = do(*podman, "info", "--format", '{{index .Store.GraphStatus "Native Overlay Diff"}}')
    attempt(*podman, "rm", "--all", "--force")
    do("sudo", "rm", "-rf", NATIVE)
    if driver.strip() != "true":
        raise BenchError("podman does not use native overlay here")
    return sizes[1] - sizes[0]


def rows() -> list[Row]:
    """Measure the second instance, with images present, and what it would be without fuse-overlayfs."""
    site.declare(TEMPLATE, "wordpress")
    site.wait_until_quiet("a WordPress")
    before = _ours()
    site.declare(SECOND, "wordpress")
    site.wait_until_quiet("a second")
    added = _ours() - before
    native = _native()
    what = "disk that the second WordPress adds before its data; peer: a second uid map with native overlay"
    return [Row(what, f"{added:.2f} MB", f"{native:.0f} MB", f"{added / native:.4f}", "< 5 MB")]
