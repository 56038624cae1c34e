"""What the system tests share: one machine, and the instances that most of them look at."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .machine import RECIPES, Done, Machine
from .prove import recorded

OWN_RECIPES = Path(__file__).resolve().parent / "recipes"

# The account is empty at first and fills up; what restarts the machine stands last.
ORDER = (
    "first",
    "newcomer",
    "content",
    "files",
    "scripts",
    "mail",
    "network",
    "isolation",
    "egress",
    "secrets",
    "mishaps",
    "changes",
    "sleep",
    "sources",
    "daily",
    "oddities",
    "doctor",
    "lifecycle",
    "faults",
    "reboot",
    "recipes",
    "applications",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the modules of this directory into the order of the story."""

    def place(item: pytest.Item) -> int:
        module = item.path.stem.removeprefix("test_")
        if item.path.parent != Path(__file__).parent:
            return -1
        return ORDER.index(module if module in ORDER else "faults")

    items.sort(key=place)


@pytest.fixture(scope="session")
def proving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start the tests of all recipes in a second machine."""
    out = tmp_path_factory.mktemp("prove") / "proofs.json"
    launcher = Path(__file__).resolve().parents[1] / "prove"
    name = f"{os.environ.get('CHAINSAW_MACHINE', 'chainsaw')}-recipes"
    with (out.parent / "prove.log").open("wb") as log:
        argv = [str(launcher), *recorded(), "--name", name, "--out", str(out)]
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    yield process, out
    if process.poll() is None:
        process.terminate()
    process.wait()
    subprocess.run([str(launcher.parent / "machine"), "--name", name, "down"], check=False)


@pytest.fixture(scope="session")
def proofs(proving: tuple[subprocess.Popen[bytes], Path]) -> dict[str, Any]:
    """Return how the test of each recipe ended; it went on in a second machine beside all others."""
    process, out = proving
    process.wait(timeout=1500)
    assert out.exists(), "the tests of the recipes ended without a result"
    return dict(json.loads(out.read_text()))


@pytest.fixture(scope="session")
def proven(proofs: dict[str, Any]) -> Machine:
    """Return the machine in which the recipes were tested: their images are there, and no instance."""
    assert proofs
    return Machine(f"{os.environ.get('CHAINSAW_MACHINE', 'chainsaw')}-recipes")


@pytest.fixture(scope="session", autouse=True)
def _beside_all_others(request: pytest.FixtureRequest) -> None:
    """Begin with what takes longest, if it is asked for at all."""
    if any("proving" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("proving")


@pytest.fixture(scope="session")
def bare() -> Iterator[tuple[Machine, Done, str]]:
    """Return the machine, how apply ended in it before setup, and what listened in it before there was any front."""
    machine = Machine(os.environ.get("CHAINSAW_MACHINE", "chainsaw"))
    machine.verb("up")
    if machine.try_root("test", "-x", "/usr/bin/chainsaw").code:
        machine.verb("install")
    machine.verb("reset")
    unprepared = machine.chainsaw("apply", code=None)
    listeners = machine.root("ss", "-ltnuH")
    archive = subprocess.run(["tar", "-C", str(OWN_RECIPES), "-c", "."], stdout=subprocess.PIPE, check=True).stdout
    machine.root(
        "sh", "-c", f"base64 -d | tar -x --no-same-owner -C {RECIPES}", stdin=base64.b64encode(archive).decode()
    )
    yield machine, unprepared, listeners
    machine.root("rm", "-rf", *(f"{RECIPES}/{recipe.name}" for recipe in OWN_RECIPES.iterdir()))


@pytest.fixture(scope="session")
def machine(bare: tuple[Machine, Done, str]) -> Machine:
    """Return the machine, prepared by setup."""
    machine = bare[0]
    machine.admin("sudo", "chainsaw", "setup")
    machine.verb("base")
    return machine


@pytest.fixture(scope="session")
def www(machine: Machine) -> str:
    """Return the URL of a static site that is up."""
    machine.chainsaw("new", "static", "www", "--route", "https://www.localhost/")
    machine.chainsaw("apply")
    return "https://www.localhost/"


@pytest.fixture(scope="session")
def first_steps(machine: Machine) -> tuple[Done, Done]:
    """Return how the two commands of a newcomer ended."""
    route, title = "https://blog.localhost/", "title=Walks by the sea"
    return machine.chainsaw("new", "wordpress", "blog", "--route", route, "--set", title), machine.chainsaw("apply")


@pytest.fixture(scope="session")
def blog(first_steps: tuple[Done, Done]) -> str:
    """Return the URL of a WordPress that is up."""
    return "https://blog.localhost/"


@pytest.fixture(scope="session")
def shop(machine: Machine, blog: str) -> str:
    """Return the URL of a second WordPress beside the first."""
    machine.chainsaw("new", "wordpress", "shop", "--set", "title=Buckets and spades")
    machine.chainsaw("apply")
    return "https://shop.localhost/"
