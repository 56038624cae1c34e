"""Tests recipes in one machine, with one reboot for all of them, and then on a second, empty one."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from .disaster import KEEPER, Keeper, keep_images, new_keeper
from .machine import HOME, Done, Machine
from .stage import ROOT, begin, runnable, unpack

RECIPES = ROOT / "recipes"
PLACE = f"{HOME}/recipes"
TRIALS = ".local/state/chainsaw/trials"
HANDED = f"{HOME}/handed"
NEXT = f"/home/{KEEPER}"
DRIVER = "overlay"
"""How the second machine stores images; the first one has chosen fuse-overlayfs."""
LAST = 10


def recorded() -> list[str]:
    """Return the recipes with a record of passed tests."""
    return [name for name in runnable() if (RECIPES / name / "tested.json").exists()]


def prepare(machine: Machine) -> Machine:
    """Let a machine have chainsaw of this checkout, an empty account and a copy of all recipes."""
    begin(machine, "workshop")
    unpack(machine.admin, RECIPES, PLACE)
    return machine


def prove(machine: Machine, recipes: list[str]) -> dict[str, dict[str, object]]:
    """Return for each recipe how its test ended, and its record; images are carried over to the second machine."""
    machine.admin("mkdir", "-p", HANDED)
    words = ("chainsaw", "recipe", "test")
    ended: dict[str, Done] = {}
    for name in recipes:
        print(f"prove: {name} …", file=sys.stderr, flush=True)
        ended[name] = machine.try_admin(*words, f"{PLACE}/{name}", "--pause", "--hand-over", HANDED, "--json")
    paused = [name for name in recipes if machine.try_admin("test", "-e", f"{HOME}/{TRIALS}/{name}.json").code == 0]
    if paused:
        print("prove: reboot …", file=sys.stderr, flush=True)
        machine.verb("reboot")
    for name in paused:
        ended[name] = machine.try_admin(*words, f"{PLACE}/{name}", "--resume", "--json")
    found = {name: reported(machine, PLACE, name, done) for name, done in ended.items()}
    ready = [name for name in paused if found[name]["level"] == LAST - 1]
    return found | (prove_elsewhere(machine, ready) if ready else {})


def prove_elsewhere(machine: Machine, recipes: list[str]) -> dict[str, dict[str, object]]:
    """Try the last level on an empty machine, whose admin has another name, other ids and another storage driver."""
    print("prove: on a second machine …", file=sys.stderr, flush=True)
    other = Keeper(f"{machine.name}-next")
    found: dict[str, dict[str, object]] = {}
    try:
        with tempfile.TemporaryDirectory() as place:
            images = Path(place) / "images.tar"
            keep_images(machine, images)
            other.verb("fresh")
            other.verb("install")
            new_keeper(other, images, "--driver", DRIVER)
        for source, target in ((PLACE, f"{NEXT}/recipes"), (HANDED, f"{NEXT}/handed")):
            unpack(other.admin, machine.seen(source), target)
        for name in recipes:
            print(f"prove: {name} …", file=sys.stderr, flush=True)
            words = ("recipe", "test", f"{NEXT}/recipes/{name}", "--take-over", f"{NEXT}/handed", "--json")
            found[name] = reported(other, f"{NEXT}/recipes", name, other.try_admin("chainsaw", *words))
    finally:
        other.verb("destroy")
    return found


def reported(machine: Machine, place: str, name: str, done: Done) -> dict[str, object]:
    """Return what a test said at its end, and the record that it wrote."""
    try:
        envelope = json.loads(done.out)
    except ValueError:
        envelope = {"data": {"level": 0}, "diagnostics": [{"message": str(done)}]}
    record = machine.try_admin("cat", f"{place}/{name}/tested.json").out
    level = envelope["data"].get("level", 0)
    return {"level": level, "problems": envelope["diagnostics"], "record": record}


def main(words: list[str]) -> int:
    """Run the tests and print or keep what they found; the exit status is 1 when a recipe misses the last level."""
    parser = argparse.ArgumentParser(prog="tests/prove", description=__doc__)
    parser.add_argument("recipes", nargs="*", help="which recipes (default: all that can run here)")
    parser.add_argument("--name", default="recipes", help="which machine")
    parser.add_argument("--out", type=Path, help="write the results as JSON to this file")
    parser.add_argument("--record", action="store_true", help="put each tested.json beside its recipe")
    given = parser.parse_args(words)
    found = prove(prepare(Machine(given.name)), given.recipes or runnable())
    if given.out:
        given.out.write_text(json.dumps(found))
    for name, result in found.items():
        print(f"{name:16} level {result['level']}")
        for problem in result["problems"] if isinstance(result["problems"], list) else ():
            print(f"    {problem['message']}")
        if given.record and result["record"]:
            (RECIPES / name / "tested.json").write_text(str(result["record"]))
    return int(any(result["level"] != LAST for result in found.values()))
