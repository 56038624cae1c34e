"""Tests recipes in one machine, with one reboot for all of them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .machine import HOME, Done, Machine
from .stage import ROOT, begin, runnable, unpack

RECIPES = ROOT / "recipes"
PLACE = f"{HOME}/recipes"
TRIALS = ".local/state/chainsaw/trials"


def recorded() -> list[str]:
    """Return the recipes with a record of passed tests."""
    return [name for name in runnable() if (RECIPES / name / "tested.json").exists()]


def prepare(machine: Machine) -> Machine:
    """Let a machine have chainsaw of this checkout, an empty account and a copy of all recipes."""
    begin(machine, "workshop")
    unpack(machine.admin, RECIPES, PLACE)
    return machine


def prove(machine: Machine, recipes: list[str]) -> dict[str, dict[str, object]]:
    """Return for each recipe how its test ended, and its record."""
    words = ("chainsaw", "recipe", "test")
    ended: dict[str, Done] = {}
    for name in recipes:
        print(f"prove: {name} …", file=sys.stderr, flush=True)
        ended[name] = machine.try_admin(*words, f"{PLACE}/{name}", "--pause", "--json")
    paused = [name for name in recipes if machine.try_admin("test", "-e", f"{HOME}/{TRIALS}/{name}.json").code == 0]
    if paused:
        print("prove: reboot …", file=sys.stderr, flush=True)
        machine.verb("reboot")
    for name in paused:
        ended[name] = machine.try_admin(*words, f"{PLACE}/{name}", "--resume", "--json")
    return {name: reported(machine, name, done) for name, done in ended.items()}


def reported(machine: Machine, name: str, done: Done) -> dict[str, object]:
    """Return what a test said at its end, and the record that it wrote."""
    try:
        envelope = json.loads(done.out)
    except ValueError:
        envelope = {"data": {"level": 0}, "diagnostics": [{"message": str(done)}]}
    record = machine.try_admin("cat", f"{PLACE}/{name}/tested.json").out
    level = envelope["data"].get("level", 0)
    return {"level": level, "problems": envelope["diagnostics"], "record": record}


def main(words: list[str]) -> int:
    """Run the tests and print or keep what they found; the exit status is 1 when a recipe misses level 8."""
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
    return int(any(result["level"] != 8 for result in found.values()))
