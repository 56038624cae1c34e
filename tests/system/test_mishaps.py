"""After a failure there is the old state or the new one, and the next apply repairs the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen

import pytest

from .machine import CONFIG, DATA, HOME, RECIPES, STATE, Machine, wait
from .places import FULL, mounted

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

WIDGET = "https://widget.localhost/"


@pytest.fixture(scope="module", autouse=True)
def others(machine: Machine, blog: str, www: str) -> None:
    """The instances that must not be affected."""
    machine.chainsaw("apply")


@pytest.fixture(autouse=True)
def untouched(machine: Machine, blog: str, www: str) -> Iterator[None]:
    """Each test ends with the others as they were, the front up and nothing left to do."""
    before = machine.invocations()
    yield
    assert machine.get(blog).status == 200
    assert machine.get(www).status == 200
    machine.purge("widget", "gadget")
    assert machine.plan() == []
    assert machine.units("app@widget*") == []
    after = machine.invocations()
    assert {unit: after.get(unit) for unit in before} == before


def test_a_broken_file_is_refused_before_any_effect(machine: Machine, blog: str) -> None:
    kept, number = machine.read(f"{CONFIG}/instances/blog.yaml"), machine.generation()
    machine.write(f"{CONFIG}/instances/blog.yaml", kept.replace("title:", "tilte:"))
    machine.write(f"{CONFIG}/instances/widget.yaml", "recipe: wigdet\nroute: http://widget.localhost\n")
    try:
        done = machine.chainsaw("apply", code=5)
        assert "instances/blog.yaml:" in done.err
        assert "tilte: unknown setting; did you mean title?" in done.err
        assert "instances/widget.yaml:1:" in done.err, "every problem of every file at once"
        assert machine.generation() == number
        problems = machine.json("plan", code=5)["diagnostics"]
        assert len(problems) == done.err.count("error: ")
    finally:
        machine.write(f"{CONFIG}/instances/blog.yaml", kept)


@pytest.mark.parametrize("behaviour", ["exits", "wrong"])
def test_a_new_instance_that_does_not_work_is_removed(machine: Machine, behaviour: str) -> None:
    machine.declare("widget", "widget", behaviour=behaviour)
    done = machine.chainsaw("apply", code=3)
    assert "widget was rolled back" in done.err
    assert machine.units("app@widget*") == []
    machine.refuses(WIDGET)
    machine.declare("widget", "widget", behaviour="works")
    machine.chainsaw("apply")
    assert machine.get(WIDGET).body == "It works\n"
    assert machine.plan() == []


@pytest.mark.parametrize("behaviour", ["exits", "wrong"])
def test_a_change_that_does_not_work_is_rolled_back(machine: Machine, behaviour: str) -> None:
    machine.declare("widget", "widget", text="The old text")
    machine.chainsaw("apply")
    machine.declare("widget", "widget", text="The new text", behaviour=behaviour)
    envelope = machine.json("apply", code=3)
    assert envelope["data"]["failed"] == ["widget"]
    assert any("it runs as before" in item["message"] for item in envelope["diagnostics"])
    assert machine.get(WIDGET).body == "The old text\n"
    assert machine.plan() != [], "what is declared is not yet what runs"
    machine.declare("widget", "widget", text="The new text")
    machine.chainsaw("apply")
    assert machine.get(WIDGET).body == "The new text\n"


@contextmanager
def changed(machine: Machine, path: str, change: Callable[[str], str]) -> Iterator[None]:
    """Let chainsaw ship another widget for a while, on a host that has not installed any."""
    file, installed = f"{RECIPES}/widget/{path}", f"{DATA}/recipes/chainsaw"
    kept = machine.read(file)
    machine.root("sh", "-c", 'cat > "$0"', file, stdin=change(kept))
    machine.admin("sh", "-c", 'rm -rf "$0"/widget*', installed)
    try:
        yield
    finally:
        machine.root("sh", "-c", 'cat > "$0"', file, stdin=kept)
        machine.admin("sh", "-c", 'rm -rf "$0"/widget*', installed)


def test_a_health_check_that_fails_is_a_failure(machine: Machine) -> None:
    """For an app without readiness notification, the health check decides."""
    machine.declare("widget", "widget", text="The old text")
    with changed(machine, "recipe.yaml", lambda text: text.replace("ready: notify", "ready: healthy")):
        machine.chainsaw("apply")
        machine.declare("widget", "widget", text="The new text", behaviour="sick")
        assert "app@widget.service did not start" in machine.chainsaw("apply", code=3).err
        assert machine.get(WIDGET).body == "The old text\n"


def test_a_broken_instance_does_not_keep_others_from_their_change(machine: Machine) -> None:
    machine.declare("widget", "widget", behaviour="exits")
    machine.declare("gadget", "widget", text="A second one")
    machine.chainsaw("apply", code=3)
    assert machine.get("https://gadget.localhost/").body == "A second one\n"


def test_an_image_that_does_not_build_leaves_what_runs(machine: Machine) -> None:
    machine.declare("widget", "widget", text="The old text")
    machine.chainsaw("apply")
    broken = "RUN echo no such package >&2; false\n"
    with changed(machine, "images/app/Containerfile", lambda text: text + broken):
        done = machine.chainsaw("apply", code=3)
        assert "no such package" in done.err
        assert machine.get(WIDGET).body == "The old text\n"


def test_an_image_with_a_forgotten_volume_is_refused(machine: Machine) -> None:
    with changed(machine, "images/app/Containerfile", lambda text: text + "VOLUME /srv/forgotten\n"):
        machine.declare("widget", "widget")
        done = machine.chainsaw("apply", code=3)
        assert "declares volumes that its recipe does not mount: /srv/forgotten" in done.err


def test_a_recipe_with_a_bad_template_is_refused(machine: Machine) -> None:
    number = machine.generation()
    with changed(machine, "recipe.yaml", lambda text: text.replace("settings.text", "settings.txet")):
        machine.declare("widget", "widget")
        assert "txet" in machine.chainsaw("apply", code=5).err
        assert machine.generation() == number


@pytest.mark.parametrize("place", [STATE, f"{DATA}/instances", f"{DATA}/public", f"{DATA}/front"])
def test_a_full_disk_is_named_and_survived(machine: Machine, place: str) -> None:
    machine.declare("widget", "widget")
    machine.declare("gadget", "static")
    number = machine.generation()
    with mounted(machine, place, FULL):
        done = machine.chainsaw("apply", code=None)
        assert done.code in (1, 3), str(done)
        assert "No space left on device" in done.err, str(done)
    assert machine.generation() in (number, number + 1, number + 2)
    machine.chainsaw("apply")
    assert machine.get(WIDGET).body == "It works\n"
    assert machine.get("https://gadget.localhost/").status == 200


@contextmanager
def starting(machine: Machine) -> Iterator[Popen[str]]:
    """Apply, and come back as soon as systemd starts the widget and the site is not locked any more."""
    first = machine.begin("chainsaw", "apply")
    try:
        assert wait(lambda: machine.try_root("test", "-s", f"{STATE}/locks/site").code == 0, 10)
        asked = ("systemctl", "--user", "is-active", "app@widget.service")
        assert wait(lambda: machine.try_admin(*asked).out.strip() == "activating", 60)
        assert wait(lambda: machine.try_root("flock", "-n", f"{STATE}/locks/site", "true").code == 0, 10)
        yield first
    finally:
        if first.poll() is None:
            first.kill()
        first.communicate(timeout=120)


def test_two_applies_of_one_instance_take_turns(machine: Machine) -> None:
    machine.declare("widget", "widget", behaviour="slow")
    with starting(machine) as first:
        second = machine.chainsaw("apply", "widget")
        assert "waiting for another chainsaw: chainsaw apply (process " in second.err
        assert second.out == "nothing to do\n"
        out, err = first.communicate(timeout=120)
    assert first.returncode == 0, out + err
    assert machine.get(WIDGET).body == "It works\n"


def test_an_apply_that_must_not_wait_does_not(machine: Machine) -> None:
    machine.declare("widget", "widget", behaviour="slow")
    with starting(machine) as first:
        refused = machine.chainsaw("apply", "widget", "--no-wait", code=7)
        assert "another chainsaw is running: chainsaw apply (process " in refused.err
        others = machine.chainsaw("apply", "--no-wait")
        assert "widget is left as it is: another command is changing it" in others.err
        out, err = first.communicate(timeout=120)
    assert first.returncode == 0, out + err


def test_nobody_waits_for_an_instance_that_starts(machine: Machine) -> None:
    machine.declare("widget", "widget", behaviour="slow")
    with starting(machine) as first:
        machine.declare("gadget", "static")
        other = machine.chainsaw("apply", "gadget")
        assert "waiting" not in other.err
        assert first.poll() is None
        assert machine.get("https://gadget.localhost/").status == 200
        out, err = first.communicate(timeout=120)
    assert first.returncode == 0, out + err
    assert machine.get(WIDGET).body == "It works\n"
    assert machine.get("https://gadget.localhost/").status == 200
    assert machine.plan() == []


def test_a_rollback_keeps_what_others_changed_meanwhile(machine: Machine) -> None:
    machine.declare("widget", "widget", text="The old text")
    machine.declare("gadget", "static")
    machine.chainsaw("apply")
    machine.declare("widget", "widget", text="The new text", behaviour="sick")
    with starting(machine) as first:
        machine.retract("gadget")
        machine.chainsaw("apply", "gadget")
        assert first.poll() is None
        out, err = first.communicate(timeout=120)
    assert first.returncode == 3, out + err
    assert "widget was rolled back: it runs as before" in err
    assert "gadget" not in out + err
    assert machine.get(WIDGET).body == "The old text\n"
    machine.refuses("https://gadget.localhost/")
    recorded = [entry["what"] for entry in machine.json("history", "-n", "2")["data"]["entries"]]
    assert recorded == ["apply: widget", "apply: gadget"]
    machine.declare("widget", "widget", text="The new text")
    machine.chainsaw("apply")
    assert machine.get(WIDGET).body == "The new text\n"


def test_an_interrupted_apply_is_reported_and_repaired(machine: Machine) -> None:
    machine.declare("widget", "widget", behaviour="slow")
    first = machine.begin("sh", "-c", "chainsaw apply & echo $!; wait $!")
    assert first.stdout is not None
    process = first.stdout.readline().strip()
    assert wait(lambda: "app@widget.service" in machine.units("app@widget*"), 60)
    machine.root("kill", "-TERM", process)
    first.communicate(timeout=120)
    assert first.returncode != 0
    machine.chainsaw("apply")
    assert machine.get(WIDGET).body == "It works\n"


def test_what_is_stopped_by_hand_is_started_again(machine: Machine) -> None:
    machine.declare("widget", "widget")
    machine.chainsaw("apply")
    machine.admin("systemctl", "--user", "stop", "app@widget.socket", "app@widget.service")
    assert machine.plan() != []
    machine.chainsaw("apply")
    assert machine.get(WIDGET).body == "It works\n"


def test_a_container_that_somebody_removed_is_started_again(machine: Machine) -> None:
    machine.declare("widget", "widget")
    machine.chainsaw("apply")
    machine.admin("podman", "rm", "--force", "--time", "0", "widget.app")
    machine.serves(WIDGET, "It works")
    machine.chainsaw("apply")


def test_an_app_that_dies_is_restarted(machine: Machine) -> None:
    machine.declare("widget", "widget")
    machine.chainsaw("apply")
    for _ in range(2):
        pid = machine.admin("podman", "inspect", "--format", "{{.State.Pid}}", "widget.app").strip()
        machine.root("kill", "-KILL", pid)
        machine.serves(WIDGET, "It works")


def test_no_generated_secret_is_made_twice(machine: Machine) -> None:
    machine.declare("widget", "widget")
    machine.chainsaw("apply")
    first = machine.chainsaw("secret", "show", "widget", "key").out
    machine.declare("widget", "widget", text="Another text")
    machine.chainsaw("apply")
    assert machine.chainsaw("secret", "show", "widget", "key").out == first
    assert machine.exists(f"{HOME}/.local/share/chainsaw/instances/widget/secrets/key")
