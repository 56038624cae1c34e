"""Daily work with a running site: list, status, logs, history, rollback, start, stop and maintenance."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .machine import CONFIG, DATA, HOME, STATE, Machine, wait

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WIDGET, GADGET = "https://widget.localhost/", "https://gadget.localhost/"
DROP_IN = f"{HOME}/.config/systemd/user/app@widget.service.d"


@pytest.fixture(scope="module", autouse=True)
def living(machine: Machine, www: str) -> Iterator[None]:
    """A widget, and a gadget behind a gate that may sleep."""
    machine.declare("widget", "widget", text="The first text")
    machine.declare("gadget", "gadget")
    machine.append("gadget", "sleep: 4s")
    machine.chainsaw("apply", "-m", "For the spring")
    yield
    machine.purge("widget", "gadget")


def row(machine: Machine, name: str) -> dict[str, Any]:
    """Return the data of list for an instance."""
    return next(item for item in machine.json("list", code=None)["data"]["instances"] if item["name"] == name)


def state(machine: Machine, name: str = "widget") -> str:
    return str(row(machine, name)["state"])


def shown(machine: Machine, name: str) -> str:
    """Return the line of list for an instance."""
    return next(line for line in machine.chainsaw("list").out.splitlines() if line.startswith(f"{name} "))


def status(machine: Machine, name: str = "widget", code: int | None = 0) -> dict[str, Any]:
    return dict(machine.json("status", name, code=code)["data"])


def say(machine: Machine, text: str) -> None:
    """Write a line to the widget's log."""
    machine.inside("widget.app", "sh", "-c", f"echo '{text}' > /proc/1/fd/1")


@contextmanager
def aside(machine: Machine, path: str) -> Iterator[None]:
    """Move a file or directory away for a while."""
    machine.root("mv", path, f"{path}.aside")
    try:
        yield
    finally:
        machine.root("rm", "-rf", path)
        machine.root("mv", f"{path}.aside", path)


# list and status


def test_what_runs_is_listed_with_what_it_takes(machine: Machine) -> None:
    machine.get(WIDGET)
    found = row(machine, "widget")
    assert (found["state"], found["url"], found["recipe"], found["warnings"]) == ("running", WIDGET, "widget", [])
    assert 1e6 < found["memory"] < 64e6
    assert 1e3 < found["disk"] < 10e6
    assert 0 < time.time() - found["since"] < 600
    assert found["block"] == machine.block("widget")
    cells = re.split("  +", shown(machine, "widget"))
    assert cells[:3] == ["widget", f"widget {found['version']}", "running"]
    assert [re.sub("^[0-9.]+", "N", cell) for cell in cells[4:]] == ["N MB", "N kB", "N kB", "N", "none", WIDGET]
    pages = row(machine, "www")
    assert (pages["state"], pages["memory"], pages["warnings"]) == ("running", 0, [])


def test_caches_are_counted_apart_from_data(machine: Machine) -> None:
    before = row(machine, "widget")
    machine.inside("widget.app", "sh", "-c", "head -c 3000000 /dev/urandom > /run/instance/compiled")
    try:
        after, detail = row(machine, "widget"), status(machine)
        assert (after["disk"], after["files"]) == (before["disk"], before["files"] + 1)
        assert 3e6 <= after["caches"] - before["caches"] < 3.1e6
        assert (detail["disk"], detail["caches"], detail["files"]) == tuple(
            after[key] for key in ("disk", "caches", "files")
        )
        assert machine.json("inventory", "widget")["data"]["caches"] == after["caches"]
    finally:
        machine.inside("widget.app", "rm", "/run/instance/compiled")


def test_more_on_the_disk_than_is_expected_is_named_with_figures(machine: Machine) -> None:
    assert (row(machine, "widget")["disk_expected"], status(machine)["over"]) == (2 * 2**30, None)
    text = machine.read(f"{CONFIG}/instances/widget.yaml")
    machine.append("widget", "disk: 1M")
    machine.chainsaw("apply")
    try:
        machine.inside("widget.app", "sh", "-c", "head -c 3000000 /dev/urandom > /srv/data/big")
        (warning,) = row(machine, "widget")["warnings"]
        assert warning.startswith("it has 3.0 MB on the disk where 1.0 MB are expected: chainsaw inventory widget;")
        assert f"widget: {warning}" in machine.chainsaw("list").out.splitlines()
        assert f"  disk         {warning}" in machine.chainsaw("status", "widget").out.splitlines()
    finally:
        machine.inside("widget.app", "rm", "-f", "/srv/data/big")
        machine.write(f"{CONFIG}/instances/widget.yaml", text)
        machine.chainsaw("apply")


def test_a_sleeping_instance_uses_no_memory_and_is_not_woken_by_list(machine: Machine) -> None:
    machine.get(GADGET)
    assert state(machine, "gadget") == "running"
    assert wait(lambda: state(machine, "gadget") == "asleep", 30)
    found = row(machine, "gadget")
    assert (found["memory"], found["warnings"]) == (0, [])
    assert found["disk"] > 0
    assert status(machine, "gadget")["state"] == "asleep"
    assert row(machine, "gadget")["state"] == "asleep"


def test_the_status_of_a_healthy_instance(machine: Machine) -> None:
    found = status(machine)
    assert (found["state"], found["health"], found["next"], found["missing"]) == ("running", "healthy", None, [])
    assert found["generation"] == machine.generation()
    (part,) = found["components"]
    assert (part["name"], part["state"], part["health"], part["restarts"]) == ("app", "active", "healthy", 0)
    assert part["processes"] >= 1
    assert part["memory"] > 1e6
    assert found["socket"] == {"unit": "app@widget.socket", "state": "active"}
    assert found["certificate"]["until"] > time.time() + 30 * 86400
    assert (found["certificate"]["state"], found["certificate"]["found"][:10]) == ("ok", "valid for ")
    (volume,) = found["volumes"]
    assert volume["name"] == "data"
    assert volume["size"] > 0
    lines = machine.chainsaw("status", "widget").out.splitlines()
    assert lines[0].startswith("widget: running since ")
    assert not [line for line in lines if line.startswith("next:")]


def test_a_name_of_nothing_that_is_applied_has_no_status(machine: Machine) -> None:
    assert "did you mean widget?" in machine.chainsaw("status", "wigdet", code=4).err
    machine.declare("later", "static")
    try:
        found = row(machine, "later")
        assert (found["state"], found["recipe"]) == ("not applied", "static")
        assert found["warnings"] == ["declared, but not applied: chainsaw apply later"]
        assert "chainsaw apply later" in machine.chainsaw("status", "later", code=4).err
    finally:
        machine.retract("later")


def test_what_was_stopped_by_hand_is_stopped_and_start_brings_it_back(machine: Machine) -> None:
    machine.admin("systemctl", "--user", "stop", "app@widget.socket", "app@widget.service")
    assert state(machine) == "stopped"
    found = status(machine, code=3)
    assert (found["state"], found["next"], found["memory"]) == ("stopped", "chainsaw start widget", 0)
    assert machine.chainsaw("start", "widget").out.splitlines()[0] == "widget is open to visitors"
    assert status(machine)["state"] == "running"
    assert machine.get(WIDGET).status == 200


def test_a_failed_instance_is_shown_with_its_log(machine: Machine) -> None:
    machine.write(f"{DROP_IN}/own.conf", "[Service]\nRestart=no\n")
    machine.admin("systemctl", "--user", "daemon-reload")
    machine.inside("widget.app", "sh", "-c", "echo 'No more paper' > /proc/1/fd/2")
    machine.admin("systemctl", "--user", "kill", "--signal=KILL", "app@widget.service")
    try:
        assert wait(lambda: state(machine) == "failed", 10), state(machine)
        found = status(machine, code=3)
        assert (found["state"], found["next"]) == ("failed", "chainsaw logs widget")
        assert (found["components"][0]["state"], found["components"][0]["result"]) == ("failed", "signal")
        assert "No more paper" in [entry["text"] for entry in found["log"]]
    finally:
        machine.admin("rm", "-r", DROP_IN)
        machine.admin("systemctl", "--user", "daemon-reload")
    machine.chainsaw("apply")
    assert status(machine)["state"] == "running"


def test_of_a_healthy_instance_only_warnings_are_shown(machine: Machine) -> None:
    for line in ("All is calm", "WARNING: paper is low", "calm again"):
        machine.inside("widget.app", "sh", "-c", f"echo '{line}' > /proc/1/fd/2")

    def reported() -> list[str]:
        return [entry["text"] for entry in status(machine)["log"]]

    assert wait(lambda: "WARNING: paper is low" in reported(), 10)
    assert not [text for text in reported() if "calm" in text]


def test_automatic_restarts_are_counted(machine: Machine) -> None:
    machine.admin("systemctl", "--user", "kill", "--signal=KILL", "app@widget.service")
    assert wait(lambda: status(machine, code=None)["components"][0]["restarts"] == 1, 20)
    assert wait(lambda: status(machine, code=None)["health"] == "healthy", 20)
    assert "restarted once" in machine.chainsaw("status", "widget").out


def test_a_missing_data_directory_is_reported_and_created_again(machine: Machine) -> None:
    place = f"{DATA}/instances/widget/volumes/data"
    with aside(machine, place):
        assert row(machine, "widget")["warnings"] == [f"{place} is missing"]
        found = status(machine, code=3)
        assert (found["missing"], found["next"]) == ([place], "chainsaw apply widget")
        machine.chainsaw("apply", "widget")
        assert status(machine)["missing"] == []
    assert machine.plan() == []


def test_an_edited_unit_is_reported_and_the_next_step_shows_the_edit(machine: Machine) -> None:
    path = "quadlets/app@widget.container"
    machine.admin("sh", "-c", 'echo "# my own line" >> "$0"', f"{STATE}/generations/current/{path}")
    assert row(machine, "widget")["warnings"] == [f"edited by hand: {path}"]
    found = status(machine)
    assert (found["edited"], found["next"]) == ([path], "chainsaw plan widget")
    assert "+# my own line" in machine.chainsaw("plan", "widget", code=1).err
    machine.chainsaw("apply", "--force")
    assert row(machine, "widget")["warnings"] == []


def test_a_change_that_is_not_applied_is_reported(machine: Machine) -> None:
    file = f"{CONFIG}/instances/widget.yaml"
    kept = machine.read(file)
    try:
        machine.declare("widget", "widget", text="Another text")
        assert "chainsaw diff widget" in row(machine, "widget")["warnings"][0]
        assert row(machine, "gadget")["warnings"] == []
        found = status(machine)
        assert (found["changed"], found["next"]) == (True, "chainsaw diff widget")
        assert '+  text: "Another text"' in machine.chainsaw("diff", "widget").out
        machine.write(file, "recipe: widget\nroute: here\n")
        assert machine.json("list")["diagnostics"][0]["severity"] == "warning"
        assert "refused" in machine.chainsaw("status", "widget").out
        machine.retract("widget")
        assert state(machine) == "no longer declared"
        assert status(machine, code=3)["next"] == "chainsaw apply"
    finally:
        machine.write(file, kept)
    assert row(machine, "widget")["warnings"] == []


# logs


def test_what_a_component_says_is_found_by_name_words_and_time(machine: Machine) -> None:
    # The journal of a reused machine still has older lines.
    began = ("--since", f"@{machine.admin('date', '+%s').strip()}")
    for text in ("Ready for the spring", "Paper is low", "Ready for the summer"):
        say(machine, text)
    assert wait(lambda: "the summer" in machine.chainsaw("logs", "widget", "app", *began).out, 10)
    out = machine.chainsaw("logs", "widget", "--grep", "Ready for the|nothing else", *began).out.splitlines()
    assert [line.rpartition("app      ")[2] for line in out] == ["Ready for the spring", "Ready for the summer"]
    assert len(machine.chainsaw("logs", "widget", "-n", "1").out.splitlines()) == 1
    assert machine.chainsaw("logs", "widget", "--grep", "Paper is low", "--since", "-5min").out
    assert machine.chainsaw("logs", "widget", "--grep", "Paper is low", "--since", "now").out == ""
    (entry,) = machine.json("logs", "widget", "--grep", "Paper", *began)["data"]["entries"]
    assert (entry["from"], entry["text"]) == ("app", "Paper is low")
    command = machine.chainsaw("logs", "widget", "app", "--explain").out.strip()
    assert "Paper is low" in machine.admin("sh", "-c", command)
    assert machine.chainsaw("logs", "widget", "db", code=4).err


def test_the_access_log_is_that_of_one_instance(machine: Machine, www: str) -> None:
    say(machine, "Ready for visitors")
    machine.get(f"{WIDGET}first-page")
    machine.get(f"{www}of-others/widget/")

    def access() -> str:
        return machine.chainsaw("logs", "widget", "--access").out

    assert wait(lambda: "GET /first-page" in access(), 10)
    assert "of-others" not in access()
    assert all(" visitor  " in line for line in access().splitlines())
    both = machine.chainsaw("logs", "widget", "--all", "--grep", "first-page|Ready for visitors").out
    assert (" visitor  " in both, " app      " in both) == (True, True)


def test_each_new_line_is_shown_while_somebody_follows(machine: Machine) -> None:
    following = machine.begin("sh", "-c", "env --default-signal=INT chainsaw logs widget -f -n 1 & echo $!; wait $!")
    assert following.stdout is not None
    process = following.stdout.readline().strip()
    try:
        assert following.stdout.readline(), "the newest line so far"
        say(machine, "Somebody listens")
        assert following.stdout.readline().endswith(" app      Somebody listens\n")
    finally:
        machine.admin("kill", "-INT", process)
        following.communicate(timeout=20)
    assert following.returncode == 130
    assert "--follow" not in machine.admin("ps", "-o", "args=", "-u", "admin"), "the journal is not followed any longer"


# history and rollback


def history(machine: Machine, *words: str) -> list[dict[str, Any]]:
    return list(machine.json("history", *words)["data"]["entries"])


def test_an_apply_is_a_commit_with_its_generation_and_its_reason(machine: Machine) -> None:
    first = next(entry for entry in history(machine, "widget") if entry["what"] == "apply: gadget, widget")
    assert "For the spring" in first["details"]
    assert first["who"] == "admin"
    text = machine.admin("git", "-C", CONFIG, "show", f"refs/chainsaw/{first['generation']}:instances/widget.yaml")
    assert "The first text" in text
    assert machine.admin("git", "-C", CONFIG, "status", "--porcelain") == ""


def test_an_instance_is_rolled_back_and_forward_again(machine: Machine) -> None:
    before = machine.generation()
    machine.chainsaw("config", "set", "widget", "text", "The second text")
    assert machine.get(WIDGET).body == "The first text\n", "nothing runs before apply"
    machine.chainsaw("apply", "widget", "-m", "For the summer")
    after = machine.generation()
    assert machine.get(WIDGET).body == "The second text\n"
    newest = history(machine, "widget", "--diff")[0]
    assert (newest["what"], newest["generation"], newest["result"]) == ("apply: widget", after, "done")
    assert "+  text: The second text" in newest["diff"]
    machine.append("gadget", "# not yet applied")

    done = machine.chainsaw("rollback", "widget", "-m", "Too loud")
    assert f"widget is rolled back to generation {before}" in done.out
    assert machine.get(WIDGET).body == "The first text\n"
    assert "The first text" in machine.read(f"{CONFIG}/instances/widget.yaml")
    machine.chainsaw("rollback", "widget", "--to", str(after))
    assert machine.get(WIDGET).body == "The second text\n"
    machine.chainsaw("rollback", "widget")
    assert machine.get(WIDGET).body == "The first text\n"

    assert "# not yet applied" in machine.read(f"{CONFIG}/instances/gadget.yaml"), "the others stay as they are"
    assert [entry["what"] for entry in history(machine, "widget")[:4]] == [*["rollback: widget"] * 3, "apply: widget"]
    assert history(machine, "gadget")[0]["what"] != "rollback: widget"
    assert machine.admin("git", "-C", CONFIG, "status", "--porcelain").split() == ["M", "instances/gadget.yaml"]
    machine.chainsaw("apply")
    assert machine.plan() == []


def test_changes_that_were_never_applied_survive_a_rollback(machine: Machine) -> None:
    machine.declare("widget", "widget", text="Written last night")
    machine.chainsaw("rollback", "widget")
    kept = history(machine, "widget")[1]
    assert kept["what"].startswith("keep: ")
    text = machine.admin("git", "-C", CONFIG, "show", f"{kept['commit']}:instances/widget.yaml")
    assert "Written last night" in text
    machine.declare("widget", "widget", text="The first text")
    machine.chainsaw("apply")


def test_a_change_that_cannot_be_committed_is_applied_with_a_warning(machine: Machine) -> None:
    objects = f"{CONFIG}/.git/objects"
    machine.admin("chmod", "-R", "a-w", objects)
    machine.declare("widget", "widget", text="Unforgettable")
    try:
        done = machine.chainsaw("apply")
        assert done.problems.startswith("warning: the change could not be committed: ")
        assert machine.get(WIDGET).body == "Unforgettable\n"
    finally:
        machine.admin("chmod", "-R", "u+w", objects)
    machine.declare("widget", "widget", text="The first text")
    assert machine.chainsaw("apply").problems == ""
    assert machine.admin("git", "-C", CONFIG, "status", "--porcelain") == ""


# start, stop, restart and maintenance


def invocation(machine: Machine, unit: str = "app@widget.service") -> str | None:
    return machine.invocations().get(unit)


def test_in_maintenance_visitors_see_a_page_and_the_instance_keeps_running(machine: Machine) -> None:
    before = invocation(machine)
    done = machine.chainsaw("maintenance", "widget", "on", "-m", "A new roof")
    assert done.out.splitlines()[0] == "widget is running, and visitors see the maintenance page"
    answer = machine.get(WIDGET)
    assert (answer.status, answer.headers.get("retry-after")) == (503, "600")
    assert "Somebody is working on this site" in answer.body
    assert machine.get(f"{WIDGET}any/page").status == 503
    assert (invocation(machine), state(machine)) == (before, "maintenance")
    assert status(machine, code=3)["next"] == "chainsaw maintenance widget off"
    assert machine.plan() == []
    assert history(machine, "widget")[0]["what"] == "maintenance: widget"

    machine.chainsaw("maintenance", "widget", "off")
    assert machine.get(WIDGET).body == "The first text\n"
    assert invocation(machine) == before
    assert "serving" not in machine.read(f"{CONFIG}/instances/widget.yaml")
    assert machine.plan() == []


def test_a_restart_makes_new_processes_and_no_visitor_is_turned_away(machine: Machine) -> None:
    before = invocation(machine)
    assert machine.chainsaw("restart", "widget").out == "widget is restarted\n"
    assert invocation(machine) not in (before, None)
    assert machine.get(WIDGET).status == 200


def test_what_sleeps_behind_a_gate_can_be_restarted(machine: Machine) -> None:
    machine.get(GADGET)
    before = invocation(machine, "app@gadget.service")
    assert machine.chainsaw("restart", "gadget").out == "gadget is restarted\n"
    assert invocation(machine, "app@gadget.service") not in (before, None)
    assert machine.get(GADGET).status == 200
    assert wait(lambda: state(machine, "gadget") == "asleep", 30)
    assert machine.chainsaw("restart", "gadget").out == "gadget is asleep: the next request starts it\n"
    assert machine.get(GADGET).status == 200
    assert machine.chainsaw("restart", "www").out == "www has no processes: it is static files only\n"


def test_what_sleeps_can_be_closed_and_is_not_woken_by_visitors(machine: Machine) -> None:
    assert wait(lambda: state(machine, "gadget") == "asleep", 30)
    for words, expected in ((("maintenance", "gadget", "on"), "maintenance"), (("stop", "gadget"), "stopped")):
        machine.chainsaw(*words)
        assert machine.get(GADGET).status == 503
        assert (state(machine, "gadget"), row(machine, "gadget")["memory"]) == (expected, 0)
        assert machine.plan() == []
    machine.chainsaw("start", "gadget")
    assert machine.get(GADGET).status == 200
    assert state(machine, "gadget") == "running"


def is_stopped(machine: Machine) -> None:
    answer = machine.get(WIDGET)
    assert answer.status == 503
    assert "The first text" not in answer.body
    assert state(machine) == "stopped"
    assert not [unit for unit in machine.invocations() if unit.startswith("app@widget.")]
    assert machine.admin("podman", "ps", "--format", "{{.Names}}").count("widget") == 0
    assert machine.plan() == []


def test_what_is_stopped_stays_down_after_a_reboot_until_it_is_started(machine: Machine, www: str) -> None:
    data = f"{DATA}/instances/widget/volumes/data/file"
    machine.inside("widget.app", "sh", "-c", "echo kept > /srv/data/file")
    done = machine.chainsaw("stop", "widget", "-m", "Until the new year")
    message = "widget is stopped, and stays stopped after a reboot; to start it: chainsaw start widget"
    assert done.out.splitlines()[0] == message
    is_stopped(machine)
    assert status(machine, code=3)["next"] == "chainsaw start widget"
    assert "chainsaw start widget" in machine.chainsaw("restart", "widget", code=5).err
    machine.chainsaw("apply")
    is_stopped(machine)

    machine.admin("systemctl", "--user", "start", "app@widget.service")
    assert machine.plan() != []
    machine.chainsaw("apply")
    is_stopped(machine)

    machine.verb("reboot")
    machine.serves(www, "<", 60)
    is_stopped(machine)
    machine.get(GADGET)

    machine.chainsaw("start", "widget")
    assert machine.get(WIDGET).body == "The first text\n"
    assert (state(machine), machine.root("cat", data)) == ("running", "kept\n")
    assert machine.plan() == []
