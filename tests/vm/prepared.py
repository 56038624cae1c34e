"""What the virtual machine begins with: prepared in a system container, booted once, and kept with its memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from nspawn.host import cache
from qemu.guest import Guest
from system import stage
from system.machine import DATA, RECIPES, Machine
from system.stage import CODE, IMAGES, STAGES, Stage

OWN_RECIPES = Path(__file__).resolve().parent / "recipes"
SECOND = """
    cp -r "$0/vault" "$0/strongbox"
    sed -i 's/vault/strongbox/; s/Vault/Strongbox/' "$0/strongbox/recipe.yaml"
    sed -i 's/^ENTRYPOINT/RUN touch \\/srv\\/strongbox\\n&/' "$0/strongbox/images/app/Containerfile"
"""
KEPT = 2
"""How many virtual machines are kept with their memory; the newest of them."""


def _kernel(machine: Machine) -> None:
    machine.verb("kernel")


def _vaults(machine: Machine) -> None:
    """Let `one` and `www` be served; of `two` there is the image, the file and nothing else."""
    machine.verb("install")
    machine.admin("sudo", "chainsaw", "setup")
    machine.verb("base")
    stage.unpack(machine.root, OWN_RECIPES, RECIPES)
    machine.root("sh", "-c", SECOND, RECIPES)
    machine.declare("www", "static")
    machine.declare("one", "vault", text="It works")
    machine.chainsaw("apply")
    exported = machine.admin("ls", f"{DATA}/static")
    machine.declare("two", "strongbox", text="It works")
    machine.chainsaw("apply")
    reference = _image(machine, "strongbox-app")
    machine.admin("podman", "tag", reference, "localhost/kept/strongbox-app")
    machine.chainsaw("remove", "two", "--purge", "--no-backup", "--yes")
    machine.admin("podman", "tag", "localhost/kept/strongbox-app", reference)
    assert machine.admin("ls", f"{DATA}/static") == exported
    machine.declare("two", "strongbox", text="It works")


def _image(machine: Machine, name: str) -> str:
    listed = machine.admin("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    return next(item for item in listed if f"/chainsaw/{name}:" in item)


SOURCES = (*IMAGES, *CODE, "tests/vm/prepared.py", "tests/vm/recipes")
BOOTED = Stage("booted", "vaults", (*SOURCES, "tests/qemu"), _kernel)
STAGES["kernel"] = Stage("kernel", None, ("tests/nspawn/images.py", "tests/nspawn/cli.py"), _kernel)
STAGES["vaults"] = Stage("vaults", "kernel", SOURCES, _vaults)


def place() -> Path:
    """Return where the booted virtual machine is kept: another place with every change of what it is made from."""
    return cache() / "vm" / stage.key(BOOTED)


def keep(guest: Guest) -> None:
    """Keep a virtual machine, and no others but the newest."""
    guest.save(place())
    every = sorted(place().parent.iterdir(), key=lambda path: -path.stat().st_mtime)
    for path in every[KEPT:]:
        shutil.rmtree(path)
