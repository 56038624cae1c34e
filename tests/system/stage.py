"""Stages: prepared root directories for machines, each made once from the previous one and kept as a snapshot."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nspawn import images, snapshot
from nspawn.host import cache

from .machine import RECIPES, Machine

ROOT = Path(__file__).resolve().parents[2]
OWN_RECIPES = Path(__file__).resolve().parent / "recipes"
FEW = ("wordpress", "dokuwiki", "radicale", "gadget", "mirror", "widget")
LISTENERS = "/root/listeners"
"""The file that lists the listeners before there was any front."""
TAG_ALL = """
    podman images --format '{{.Repository}}:{{.Tag}}' | grep "^$0$2" | while read -r name; do
        podman tag "$name" "$1${name#"$0"}"
    done
"""
IMAGES = ("recipes", "quadlets/images", "tests/system/recipes", "tests/nspawn/images.py")
CODE = ("chainsaw", "quadlets", ".deb", "tests/nspawn", "tests/system/stage.py")
"""The inputs that decide the content of a stage."""


@dataclass(frozen=True)
class Stage:
    """One stage: its parent, its inputs, and the function that makes it."""

    name: str
    before: str | None
    sources: tuple[str, ...]
    make: Callable[[Machine], None]
    only: str | None = None
    """The only directory that the snapshot keeps."""


def runnable() -> list[str]:
    """Return the recipes whose images can all be built here: no registry is needed for them."""
    found = sorted(path.parent for path in (ROOT / "recipes").glob("*/recipe.yaml"))
    return [path.name for path in found if "reference:" not in (path / "recipe.yaml").read_text()]


def begin(machine: Machine, name: str) -> None:
    """Boot a machine at a stage; missing stages before it are made first."""
    machine.verb("fresh", "--snapshot", _stored(machine, STAGES[name]))


def key(stage: Stage) -> str:
    """Return the name of a stage's snapshot: another one with every change of what it is made from."""
    parts = [images.rootfs(empty=False).key, images.base().key, stage.name, *_contents(stage.sources)]
    # Certificates of a site that was made long ago would end while the tests run.
    parts += [] if stage.before is None else ["-".join(map(str, datetime.now(UTC).isocalendar()[:2]))]
    return f"{stage.name}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]}"


def _stored(machine: Machine, stage: Stage) -> str:
    name = key(stage)
    with _alone(name):
        if not snapshot.stored(name):
            words = ["--snapshot", _stored(machine, STAGES[stage.before])] if stage.before else []
            machine.verb("fresh", *words)
            stage.make(machine)
            machine.verb("snapshot", "--snapshot", name, *(["--only", stage.only] if stage.only else []))
    return name


def _contents(sources: Iterable[str]) -> Iterator[str]:
    for source in sources:
        path = ROOT / source
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                yield f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}"


@contextmanager
def _alone(name: str) -> Iterator[None]:
    place = cache() / "locks" / f"stage-{name}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(machine: Machine) -> None:
    """Install chainsaw of this checkout, with the recipes that the tests bring along."""
    machine.verb("install")
    unpack(machine.root, OWN_RECIPES, RECIPES)


def unpack(run: Callable[..., str], source: Path, target: str) -> None:
    """Copy the content of a directory into a directory of a machine, as the user for whom `run` runs commands."""
    archive = subprocess.run(["tar", "-C", str(source), "-c", "."], stdout=subprocess.PIPE, check=True).stdout
    script = 'mkdir -p "$0" && base64 -d | tar -x --no-same-owner -C "$0"'
    run("sh", "-c", script, target, stdin=base64.b64encode(archive).decode())


def _prepare(machine: Machine) -> None:
    install(machine)
    machine.root("sh", "-c", f"ss -ltnuH > {LISTENERS}")
    machine.admin("sudo", "chainsaw", "setup")
    machine.verb("base")


def _images(machine: Machine) -> None:
    """Build the images that most modules need; the store is all that is kept."""
    _prepare(machine)
    machine.declare("pages", "static", generator="hugo")
    machine.chainsaw("apply")
    for recipe in FEW:
        machine.chainsaw("install", recipe, "--yes")
    machine.retract("pages")
    machine.chainsaw("apply")
    _keep(machine)


def _all_images(machine: Machine) -> None:
    _prepare(machine)
    for recipe in runnable():
        # A large file that breaks off on its way here would be missing for all tests.
        if machine.chainsaw("install", recipe, "--yes", code=None).code:
            machine.chainsaw("install", recipe, "--yes")
    _keep(machine)


def _keep(machine: Machine) -> None:
    """Give each image a second name, so that it is kept when chainsaw prunes unused images."""
    machine.admin("sh", "-c", TAG_ALL, "localhost/chainsaw/", "localhost/kept/", "")


def bring_back(machine: Machine, *names: str) -> None:
    """Restore the names of images that a purge deleted, so that they are not built again."""
    for name in names:
        machine.admin("sh", "-c", TAG_ALL, "localhost/kept/", "localhost/chainsaw/", f"{name}:")


def _www(machine: Machine) -> None:
    machine.chainsaw("new", "static", "www", "--route", "https://www.localhost/")
    machine.chainsaw("apply")


def _sites(machine: Machine) -> None:
    title = "title=Walks by the sea"
    machine.chainsaw("new", "wordpress", "blog", "--route", "https://blog.localhost/", "--set", title)
    machine.chainsaw("apply")
    machine.chainsaw("new", "wordpress", "shop", "--set", "title=Buckets and spades")
    machine.chainsaw("apply")


STORE = "home/admin/.local/share/containers/storage"
STAGES = {
    stage.name: stage
    for stage in (
        Stage("images", None, IMAGES, _images, STORE),
        Stage("all-images", "images", IMAGES, _all_images, STORE),
        Stage("site", "images", (*IMAGES, *CODE), _prepare),
        Stage("workshop", "all-images", (*IMAGES, *CODE), _prepare),
        Stage("www", "site", (*IMAGES, *CODE), _www),
        Stage("sites", "www", (*IMAGES, *CODE), _sites),
    )
}
"""images: a Debian with images in the admin's store, and nothing else of chainsaw. site: chainsaw and its setup.
www: a static site, too. sites: two WordPress, too. workshop: as site, with the images of all recipes."""
