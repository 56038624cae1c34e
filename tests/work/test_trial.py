"""What the levels of a recipe's test do with the data of its instances, with instances that are only remembered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from fake import replaces
from identity import IDENTITY

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import facts
from chainsaw.load.recipe import load_recipe
from chainsaw.work.recipes.shipped import shared_parts
from chainsaw.work.result import Quiet
from chainsaw.work.trial import levels, run
from chainsaw.work.trial.marker import Player
from chainsaw.work.trial.scene import Scene

RECIPE = (
    IDENTITY
    + """\
images: {app: {shared: base}}
components: {app: {image: app, memory: 64M, ready: answers}}
serve: {http: {port: 8080}}
probe: {contains: <h1>}
marker:
  write: [{run: {component: app, command: [write, "{{ marker }}"]}}]
  read: [{run: {component: app, command: [read, "{{ marker }}"], contains: "{{ marker }}"}}]
"""
)


@replaces(Player)
@dataclass
class Notes:
    """Plays a marker against the notes of one instance, which are up, or not yet."""

    notes: set[str]
    is_up: bool = True

    def play(self, steps, marker, kind="write"):
        if not self.is_up:
            raise ChainsawError(Diagnostic("marker", "read in app ended with 1: refused", key=f"marker.{kind}.0"))
        if kind == "write":
            self.notes.add(marker)
        elif marker not in self.notes:
            raise ChainsawError(Diagnostic("marker", f"read does not contain {marker!r}", key="marker.read.0"))


@replaces(Scene, own=("loses",))
@dataclass
class Stage:
    """Two instances and their notes; `shared` have the same, and an event may lose them."""

    bundle: Any
    shared: bool = False
    forgets: str = ""
    marker: str = "mark1"
    is_written: bool = False
    first: str = "one"
    second: str = "two"
    name: str = "demo"
    notes: dict[str, set[str]] = field(default_factory=dict)
    up: bool = True
    measured: dict = field(default_factory=dict)
    idle_since: float = 0.0
    report: Any = field(default_factory=Quiet)
    account: Any = None

    def declare(self, name, route, extra=""):
        self.loses("sleep" if extra else "route" if name == self.first else "")

    def apply(self, name):
        self.notes.setdefault(name, self.notes.get("one", set()) if self.shared else set())

    def purge(self, name):
        self.notes.pop(name, None)
        self.loses("removal")

    def restart(self, name):
        self.loses("restart")

    def loses(self, event):
        if event and event == self.forgets:
            self.notes["one"].clear()

    def wait_until_up(self, name):
        """As the real one does: afterwards the instance is up."""
        self.up = True

    def player(self, name):
        return Notes(self.notes[name], self.up)

    def deployment(self, name):
        return SimpleNamespace(block=None, socket=object(), probe=SimpleNamespace(path="/", status=200))

    def state(self, name):
        return "asleep"

    def processes(self, name):
        return []

    def get(self, name, path):
        return SimpleNamespace(status=200, text="<h1>")


def bundle_of(recipe):
    return load_recipe("recipes/demo/recipe.yaml", "demo", {"recipe.yaml": recipe.encode()}, shared_parts())


@pytest.fixture
def stage(monkeypatch):
    """Return what makes the scene of a test: its first instance is installed, and nothing is written yet."""
    monkeypatch.setattr(levels, "check_page", lambda scene, name: {})
    monkeypatch.setattr(levels, "reachable", lambda scene, one, other: [])

    def make(recipe=RECIPE, **fields):
        made = Stage(bundle_of(recipe), **fields)
        made.apply("one")
        return made

    return make


WITH_DATA = [levels.keeps_data, levels.side_by_side, levels.follows_route, levels.sleeps_and_wakes]


@pytest.mark.parametrize("level", WITH_DATA)
def test_a_level_that_is_tried_alone_writes_the_data_that_it_looks_for(stage, level):
    scene = stage()
    level(scene)
    assert scene.notes["one"] == {"mark1"}


@pytest.mark.parametrize("level", WITH_DATA)
def test_data_is_written_once_for_all_levels(stage, level):
    scene = stage()
    levels.keeps_data(scene)
    scene.notes["one"].add("theirs")
    level(scene)
    assert scene.notes["one"] == {"mark1", "theirs"}


LOSSES = [
    (levels.keeps_data, "restart", "after a restart"),
    (levels.side_by_side, "removal", "after the second instance was removed"),
    (levels.follows_route, "route", "at https://one-moved.localhost/"),
    (levels.sleeps_and_wakes, "sleep", "after its sleep"),
]


@pytest.mark.parametrize(("level", "event", "when"), LOSSES, ids=[event for _, event, _ in LOSSES])
def test_lost_data_is_reported_with_the_event_and_with_what_was_received(stage, level, event, when):
    with pytest.raises(ChainsawError) as caught:
        level(stage(forgets=event))
    (problem,) = caught.value.diagnostics
    assert problem.message == f"{when} its data is missing: marker.read.0: read does not contain 'mark1'"


def test_an_instance_that_has_the_data_of_the_other_is_found(stage):
    with pytest.raises(ChainsawError, match="two has the data of the other instance"):
        levels.side_by_side(stage(shared=True))


def test_that_data_is_not_found_in_an_instance_counts_only_where_reading_works(stage, monkeypatch):
    """The second one refuses to read anything: that it does not show the first one's data would prove nothing."""
    scene = stage()
    levels.keeps_data(scene)
    monkeypatch.setattr(Stage, "player", lambda self, name: Notes(self.notes[name], is_up=name == "one"))
    with pytest.raises(ChainsawError, match="refused"):
        levels.side_by_side(scene)


@pytest.mark.parametrize("level", [levels.keeps_data, levels.side_by_side])
def test_without_a_marker_no_level_says_anything_about_data(stage, level):
    with pytest.raises(ChainsawError, match="the recipe has no marker"):
        level(stage(RECIPE[: RECIPE.index("marker:")]))


@pytest.fixture
def rebooted(stage, tmp_path, monkeypatch):
    """Return what resumes a test after a reboot, with notes that are there or not."""
    monkeypatch.setattr(run, "_clear", lambda scene: None)

    def resume(notes):
        third = {"passed": True, "seconds": 2, "evidence": {"boot": "another", "marker": "mark7"}}
        fields = ("recipe", "version", "digest", "date", "by")
        tested = {**dict.fromkeys(fields, "x"), "host": {}, "levels": {"3": third}}
        pending = tmp_path / "demo.json"
        pending.write_text(json.dumps({"format": 1, "marker": "mark7", "tested": tested}))
        scene = stage(up=False)
        scene.notes["one"] = set(notes)
        result = run._resume(scene, str(tmp_path), str(pending))
        return result, json.loads((tmp_path / "tested.json").read_text())["levels"]["3"]

    return resume


def test_after_a_reboot_an_instance_is_waited_for_before_its_data_is_read(rebooted):
    result, third = rebooted({"mark7"})
    assert result.diagnostics == ()
    assert third["passed"]
    assert third["evidence"] == {"boot": "another", "marker": "mark7", "boot_after": facts.boot_id()}


def test_data_that_a_reboot_has_lost_fails_level_3_with_what_was_received(rebooted):
    result, third = rebooted({"mark1"})
    (problem,) = third["problems"]
    assert problem == "after the reboot its data is missing: marker.read.0: read does not contain 'mark7'"
    assert [item.message for item in result.diagnostics] == [problem]
    assert not third["passed"]
