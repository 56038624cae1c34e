"""Everything of an instance: listed, removed, restored, renamed, cloned and ejected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .inhabitant import difference, named, snapshot
from .machine import CONFIG, DATA, HOME, QUADLETS, STATE, UNITS, Machine, wait
from .stage import bring_back

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WIDGET = "https://widget.localhost/"
NAMES = ("widget", "gizmo", "cal", "one", "two")
BLOCK = 65536
LOCKED = 7


@pytest.fixture(scope="module", autouse=True)
def pruned(machine: Machine, www: str) -> None:
    """Nothing is unused."""
    machine.chainsaw("remove", "--orphans")


@pytest.fixture(autouse=True)
def untouched(machine: Machine, www: str) -> Iterator[None]:
    """Each test ends without its instances, and with nothing left to do."""
    yield
    for name in NAMES:
        machine.chainsaw("remove", name, "--purge", "--no-backup", "--yes", code=None)
    assert not [name for name in NAMES if machine.exists(f"{DATA}/instances/{name}")]
    assert machine.plan() == []
    assert machine.get(www).status == 200


@pytest.fixture
def widget(machine: Machine) -> str:
    """Return the URL of an instance with everything that an instance may have: a network, a note, data."""
    return begin(machine)


def begin(machine: Machine) -> str:
    bring_back(machine, "widget-app")
    machine.declare("widget", "widget", text="It is a widget")
    machine.append("widget", "egress: internet")
    machine.chainsaw("apply", "widget")
    machine.chainsaw("note", "widget", "Kim knows")
    machine.inside("widget.app", "sh", "-c", "head -c 1000000 /dev/zero > /srv/data/sea; echo walks > /srv/data/kept")
    return WIDGET


def resources_of(machine: Machine, name: str) -> list[dict[str, Any]]:
    return list(machine.json("inventory", name)["data"]["resources"])


def of_kind(rows: list[dict[str, Any]], *kinds: str) -> set[str]:
    return {row["name"] for row in rows if row["kind"] in kinds}


def orphans(machine: Machine) -> list[dict[str, Any]]:
    return list(machine.json("inventory", "--orphans")["data"]["orphans"])


def secret(machine: Machine, name: str, key: str) -> str:
    return machine.chainsaw("secret", "show", name, key).out.strip()


# inventory


def test_everything_is_listed_with_its_size(machine: Machine, widget: str) -> None:
    rows = resources_of(machine, "widget")
    places = {row["path"] for row in rows if row["path"]}
    above = {str(parent) for place in places for parent in Path(place).parents}
    beyond = {path for path in named(machine, "widget") if not path.startswith(tuple(places))}
    assert beyond <= above, "whatever bears its name is in the list"
    for row in rows:
        if row["path"]:
            taken = machine.root("du", "--summarize", "--block-size=1", row["path"]).split()[0]
            assert row["size"] == int(taken), row
    volume = next(row for row in rows if row["kind"] == "volume")
    assert volume["size"] > 1_000_000
    # systemd still knows a unit that looked after a failure of this one; it has no file of its own.
    known = {unit for unit in machine.units("*widget*") if not unit.startswith(("chainsaw-failed@", "chainsaw-retry@"))}
    assert of_kind(rows, "unit") >= {unit for unit in known if not unit.endswith(".slice")}
    assert of_kind(rows, "container") == {"widget.app"}
    assert of_kind(rows, "network") == {"chainsaw-widget"}
    present = machine.admin("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    assert of_kind(rows, "image") <= set(present)
    (image,) = (row for row in rows if row["kind"] == "image" and row["removed_by"] == "purge")
    assert image["name"].startswith("localhost/chainsaw/widget-app:")
    journal = next(row for row in rows if row["kind"] == "journal")
    assert journal["size"] > 100


def test_what_a_purge_would_free_is_the_sum(machine: Machine, widget: str) -> None:
    done = machine.json("inventory", "widget")["data"]
    going = sum(row["size"] or 0 for row in done["resources"] if row["removed_by"] in ("remove", "purge"))
    assert done["totals"]["remove"] + done["totals"]["purge"] == going
    shown = machine.chainsaw("inventory", "widget").out
    assert "remove --purge frees " in shown
    assert len(shown.splitlines()) < 30, "many of a kind share a line"
    rows = {row["instance"]: row for row in machine.json("inventory")["data"]["instances"]}
    assert rows["widget"] == {
        "instance": "widget",
        "items": len(done["resources"]),
        "size": rows["widget"]["size"],
        "freed": rows["widget"]["freed"],
        "caches": done["caches"],
    }
    assert done["caches"] == next(row["size"] for row in done["resources"] if row["kind"] == "cache")
    assert rows["widget"]["size"] > rows["widget"]["freed"] > 1_000_000
    assert "www" in rows


def test_unused_items_are_found(machine: Machine, widget: str) -> None:
    before = [row for row in orphans(machine) if row["kind"] != "data"]
    assert before == []
    assert "widget" not in of_kind(orphans(machine), "data")
    machine.chainsaw("remove", "widget")
    kinds = {row["kind"] for row in orphans(machine) if "widget" in row["name"]}
    # Its recipe is kept: a rollback needs the version that it had.
    assert kinds == {"data", "file", "note", "certificate", "image"}
    assert "chainsaw remove widget --purge" in machine.chainsaw("inventory", "--orphans").out
    machine.chainsaw("remove", "--orphans")
    assert {row["kind"] for row in orphans(machine) if "widget" in row["name"]} == {"data", "file", "note"}


# remove


def test_a_removed_instance_keeps_its_data_and_is_restored(machine: Machine, widget: str) -> None:
    block, key = machine.block("widget"), secret(machine, "widget", "key")
    done = machine.chainsaw("remove", "widget", "-m", "nobody reads it")
    assert "widget is stopped and no longer served\n" in done.out
    assert f"its data: {DATA}/instances/widget\n" in done.out
    assert machine.units("app@widget*") == []
    machine.refuses(widget)
    assert "widget was removed; its data is kept: chainsaw rollback widget" in machine.chainsaw("list").out
    assert machine.root("cat", f"{DATA}/instances/widget/volumes/data/kept") == "walks\n"
    assert machine.plan() == []

    machine.chainsaw("rollback", "widget")
    machine.serves(widget, "It is a widget")
    assert machine.inside("widget.app", "cat", "/srv/data/kept") == "walks\n"
    assert (machine.block("widget"), secret(machine, "widget", "key")) == (block, key)
    assert "was removed" not in machine.chainsaw("list").out
    assert "nobody reads it" in machine.chainsaw("history", "widget").out


def test_a_purge_that_nobody_confirmed_deletes_nothing(machine: Machine, widget: str) -> None:
    done = machine.chainsaw("remove", "widget", "--purge", code=2)
    assert "--yes deletes without asking" in done.err
    assert "volume" in done.err, "what would be deleted is shown"
    assert machine.get(widget).body == "It is a widget\n"


def test_a_name_with_data_left_cannot_be_used_again(machine: Machine, widget: str) -> None:
    machine.chainsaw("remove", "widget")
    done = machine.chainsaw("new", "static", "widget", code=5)
    assert "an instance widget was removed, and its data is still on disk" in done.err
    assert "chainsaw rollback widget restores it; chainsaw remove widget --purge deletes it" in done.err
    machine.chainsaw("remove", "widget", "--purge", "--no-backup", "--yes")
    machine.chainsaw("new", "static", "widget")


@pytest.mark.parametrize("recipe", ["widget", "dokuwiki"])
def test_a_purge_leaves_the_account_as_it_was_before(machine: Machine, recipe: str) -> None:
    def once() -> None:
        bring_back(machine, f"{recipe}-app", "php")
        machine.chainsaw("new", recipe, "gizmo")
        egress = [] if recipe == "dokuwiki" else ["egress: internet"]
        for line in egress:
            machine.append("gizmo", line)
        machine.chainsaw("apply")
        machine.chainsaw("note", "gizmo", "Kim knows")
        machine.admin("podman", "exec", "gizmo.app", "true")
        assert difference(before, snapshot(machine)) != []
        machine.chainsaw("remove", "gizmo", "--purge", "--no-backup", "--yes", "-m", "it was only tried")

    # Podman makes some files of its own the first time that it has a use for them, and systemd a directory for timers;
    # the timer of what may reach the internet, which may come at any second, remembers this host's addresses.
    machine.admin("mkdir", "-p", "/home/admin/.local/share/systemd/timers")
    bring_back(machine, "widget-app")
    machine.chainsaw("new", "widget", "one")
    machine.append("one", "egress: internet")
    machine.chainsaw("apply")
    machine.admin("systemctl", "--user", "start", "chainsaw-egress.service")
    machine.chainsaw("remove", "one", "--purge", "--no-backup", "--yes")
    before = snapshot(machine)
    once()
    assert difference(before, snapshot(machine)) == []
    assert not named(machine, "gizmo")
    assert "gizmo: deleted for good" in machine.chainsaw("history", "gizmo").out
    assert "it was only tried" in machine.chainsaw("history", "gizmo").out
    assert machine.admin("git", "-C", CONFIG, "status", "--porcelain") == ""


def test_a_purge_keeps_what_another_instance_uses(machine: Machine) -> None:
    bring_back(machine, "mirror-app", "php")
    for name in ("one", "two"):
        machine.declare(name, "mirror", f"https://shared.localhost/{name}/")
        machine.chainsaw("apply")
    images = machine.admin("podman", "images", "--format", "{{.Id}}")
    shared = {row["kind"] for row in resources_of(machine, "one") if row["removed_by"] == "shared"}
    assert shared == {"generated", "certificate", "static", "image", "recipe"}
    before = machine.invocations()["app@two.service"]
    done = machine.json("remove", "one", "--purge", "--no-backup", "--yes")
    assert done["data"]["deleted"] == [f"{DATA}/instances/one"]
    assert machine.admin("podman", "images", "--format", "{{.Id}}") == images
    answer = machine.get("https://shared.localhost/two/deep/style.css")
    assert answer.status == 200, "its static files are where they were"
    assert "SCRIPT_NAME" in machine.get("https://shared.localhost/two/").body
    assert machine.invocations()["app@two.service"] == before
    left = {row["kind"] for row in resources_of(machine, "two") if row["removed_by"] == "shared"}
    assert left == {"image"}, "the one that all others stand on"


def test_a_recipe_that_was_installed_by_name_is_kept(machine: Machine) -> None:
    bring_back(machine, "gadget-app", "gate")
    machine.chainsaw("install", "gadget", "--yes")
    try:
        machine.declare("gizmo", "gadget")
        machine.chainsaw("apply")
        fates = {row["kind"]: row["removed_by"] for row in resources_of(machine, "gizmo")}
        assert (fates["recipe"], fates["image"]) == ("shared", "shared")
        machine.chainsaw("remove", "gizmo", "--purge", "--no-backup", "--yes")
        machine.chainsaw("remove", "--orphans")
        assert machine.exists(f"{DATA}/recipes/chainsaw/gadget/recipe.yaml")
        assert "localhost/chainsaw/gadget-app" in machine.admin("podman", "images")
    finally:
        machine.chainsaw("uninstall", "gadget")
    assert not machine.exists(f"{DATA}/recipes/chainsaw/gadget")
    assert "localhost/chainsaw/gadget-app" not in machine.admin("podman", "images")


# rename


def test_a_renamed_instance_keeps_everything_but_its_name(machine: Machine, widget: str) -> None:
    block, key = machine.block("widget"), secret(machine, "widget", "key")
    done = machine.chainsaw("rename", "widget", "gizmo", "-m", "it is no widget")
    assert "widget is renamed to gizmo\n" in done.out
    machine.serves(widget, "It is a widget")
    assert machine.inside("gizmo.app", "cat", "/srv/data/kept") == "walks\n"
    assert (machine.block("gizmo"), secret(machine, "gizmo", "key")) == (block, key)
    assert machine.units("*widget*") == []
    left = {path for path in named(machine, "widget") if not path.startswith(f"{DATA}/recipes/")}
    assert [path for path in left if "widget.localhost" not in path] == []
    assert "Kim knows" in machine.read(f"{CONFIG}/notes/gizmo.md")
    assert machine.plan() == []
    reported = machine.chainsaw("history", "gizmo").out
    assert "widget: called gizmo now" in reported
    assert "it is no widget" in reported
    assert machine.admin("git", "-C", CONFIG, "status", "--porcelain") == ""
    assert "no instance 'widget'" in machine.chainsaw("status", "widget", code=4).err


# clone

MAKE = """
cd /srv/data
mkdir -p 'a directory/deep'
echo one > 'a directory/deep/größe'; chmod 0640 'a directory/deep/größe'
ln 'a directory/deep/größe' link; ln -s deep/nowhere 'a directory/symlink'
touch -d 2001-02-03T04:05:06Z old; chmod 0755 old
: > empty
"""
SHOWN = r"cd /srv/data && find . -printf '%p|%y|%m|%n|%U:%G|%s|%T@|%l\n' | sort"


def test_a_copy_has_the_data_and_ids_of_its_own(machine: Machine, widget: str) -> None:
    machine.inside("widget.app", "sh", "-c", MAKE)
    shown = machine.inside("widget.app", "sh", "-c", SHOWN)
    before = machine.invocations()["app@widget.service"]
    done = machine.chainsaw("clone", "widget", "gizmo", "--route", "https://gizmo.localhost/")
    assert "gizmo is a copy of widget, live at https://gizmo.localhost/\n" in done.out
    assert machine.get("https://gizmo.localhost/").body == machine.get(widget).body == "It is a widget\n"
    copied = machine.inside("gizmo.app", "sh", "-c", SHOWN)
    assert [line for line in copied.splitlines() if not line.startswith(("./token|", ".|"))] == [
        line for line in shown.splitlines() if not line.startswith(".|")
    ]
    block = machine.block("gizmo")
    assert block != machine.block("widget")
    owners = set(machine.root("find", f"{DATA}/instances/gizmo/volumes/data", "-printf", "%U\n%G\n").split())
    assert owners == {str(block + 1000)}
    assert machine.inside("gizmo.app", "cmp", "/srv/data/kept", "/srv/data/kept") == ""
    assert machine.invocations()["app@widget.service"] != before, "it was down, so that nothing was half written"
    assert "serving" not in machine.read(f"{CONFIG}/instances/gizmo.yaml")
    assert machine.plan() == []


HOSTILE = f"""
import os
os.chdir("/srv/data")
with open("hole", "wb") as file:
    file.truncate(2 << 30)
os.symlink("{HOME}", "way")
for _ in range(300):
    os.mkdir("d" * 20)
    os.chdir("d" * 20)
open("kept", "w").close()
"""


def test_a_copy_of_what_an_attacker_has_made_takes_no_more_and_goes_nowhere(machine: Machine, widget: str) -> None:
    """Two gigabytes of nothing, a link out, and a tree that is deeper than any path may be long."""
    block = machine.block("widget")
    data = f"{DATA}/instances/widget/volumes/data"
    as_application = ["setpriv", f"--reuid={block + 1000}", f"--regid={block + 1000}", "--clear-groups"]
    machine.root("mount", "--bind", "--mkdir", data, "/srv/data")
    try:
        machine.root(*as_application, "python3", "-c", HOSTILE)
    finally:
        machine.root("umount", "/srv/data")
    machine.chainsaw("clone", "widget", "gizmo")
    copied = f"{DATA}/instances/gizmo/volumes/data"
    size, blocks = machine.root("stat", "-c", "%s %b", f"{copied}/hole").split()
    assert int(size) == 2 << 30
    assert int(blocks) < 100
    assert machine.root("readlink", f"{copied}/way") == f"{HOME}\n"
    assert sorted(machine.root("find", copied, "-name", "kept", "-printf", "%d\n").split()) == ["1", "301"]
    assert set(machine.root("find", copied, "-printf", "%U\n").split()) == {str(machine.block("gizmo") + 1000)}
    machine.chainsaw("remove", "gizmo", "--purge", "--no-backup", "--yes")
    machine.inside("widget.app", "sh", "-c", "rm -rf /srv/data/hole /srv/data/way /srv/data/ddd*")


def test_a_copy_has_secrets_of_its_own_where_the_recipe_knows_how(machine: Machine, widget: str) -> None:
    machine.chainsaw("secret", "rotate", "widget", "token")
    before = {key: secret(machine, "widget", key) for key in ("key", "session", "token")}
    machine.chainsaw("clone", "widget", "gizmo")
    copied = {key: secret(machine, "gizmo", key) for key in before}
    assert {key: secret(machine, "widget", key) for key in before} == before
    assert copied["key"] == before["key"], "nobody knows how to change it where it is used"
    assert copied["session"] != before["session"]
    assert copied["token"] != before["token"]
    assert machine.inside("gizmo.app", "cat", "/srv/data/token") == copied["token"]
    assert machine.inside("widget.app", "cat", "/srv/data/token") == before["token"]


def test_neither_copy_reads_or_changes_the_other(machine: Machine, widget: str) -> None:
    machine.chainsaw("clone", "widget", "gizmo")
    machine.inside("gizmo.app", "sh", "-c", "echo changed > /srv/data/kept")
    assert machine.inside("widget.app", "cat", "/srv/data/kept") == "walks\n"
    for name, other in (("gizmo", "widget"), ("widget", "gizmo")):
        uid = machine.block(name) + 1000
        for place in (f"{DATA}/instances/{other}/volumes/data/kept", f"{DATA}/instances/{other}/secrets/key"):
            run = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "cat", place]
            assert machine.try_root(*run).code != 0


def test_what_sleeps_can_be_copied_and_sleeps_on(machine: Machine) -> None:
    bring_back(machine, "gadget-app", "gate")
    machine.declare("gizmo", "gadget")
    machine.append("gizmo", "sleep: 4s")
    machine.chainsaw("apply")
    assert wait(lambda: state(machine, "gizmo") == "asleep", 40)
    machine.chainsaw("clone", "gizmo", "one")
    assert state(machine, "gizmo") == "asleep"
    assert "x-gadget: one" in machine.get("https://one.localhost/").body


def test_files_alone_can_be_copied_and_renamed(machine: Machine) -> None:
    machine.chainsaw("new", "static", "one")
    machine.chainsaw("apply")
    machine.write(f"{DATA}/public/one/site/index.html", "Walks by the sea")
    machine.chainsaw("clone", "one", "two")
    machine.write(f"{DATA}/public/two/site/index.html", "Walks by the lake")
    machine.chainsaw("rename", "one", "gizmo")
    machine.serves("https://one.localhost/", "Walks by the sea")
    machine.serves("https://two.localhost/", "Walks by the lake")
    assert machine.root("stat", "-c", "%U", f"{DATA}/public/two/site/index.html") == "admin\n"
    assert machine.plan() == []


def state(machine: Machine, name: str) -> str:
    rows = {row["name"]: row for row in machine.json("list", code=None)["data"]["instances"]}
    return str(rows[name]["state"])


# locked by another command


HOLD = "touch /tmp/held; while [ -e /tmp/held ]; do sleep 0.1; done"


@pytest.fixture
def busy(machine: Machine, widget: str) -> Iterator[None]:
    """Another command has the widget's lock and has stopped it, as for a copy."""
    lock = f"{STATE}/locks/instance.widget"
    holder = machine.begin("flock", lock, "sh", "-c", HOLD)
    assert wait(lambda: machine.exists("/tmp/held"), 10)
    machine.admin("systemctl", "--user", "stop", "app@widget.socket", "app@widget.service")
    yield
    machine.admin("rm", "-f", "/tmp/held", lock)
    holder.wait()
    machine.chainsaw("apply")
    machine.serves(WIDGET, "It is a widget")


def test_a_locked_instance_is_not_changed(machine: Machine, busy: None) -> None:
    machine.chainsaw("new", "static", "one")
    done = machine.chainsaw("apply")
    assert "one is live at https://one.localhost/" in done.out
    assert state(machine, "widget") == "stopped"
    assert machine.chainsaw("status", "widget", code=None).code in (0, 3)
    machine.json("inventory", "widget")
    for words in (("apply", "widget", "--no-wait"), ("rollback", "widget", "--no-wait")):
        assert "another chainsaw is running" in machine.chainsaw(*words, code=LOCKED).err
    machine.append("widget", "memory: 80M")
    assert "another chainsaw is running" in machine.chainsaw("apply", "--no-wait", code=LOCKED).err


# secrets


def test_a_secret_is_changed_by_a_restart(machine: Machine, widget: str) -> None:
    before, run = secret(machine, "widget", "session"), machine.invocations()["app@widget.service"]
    done = machine.chainsaw("secret", "rotate", "widget", "session")
    after = secret(machine, "widget", "session")
    assert after != before
    assert machine.inside("widget.app", "cat", "/run/secrets/session") == after
    assert machine.invocations()["app@widget.service"] != run
    assert done.out == "session of widget is changed: chainsaw secret show widget session\n"
    assert after not in done.out + done.err
    assert machine.plan() == []


WATCH = "while [ -e /tmp/watching ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; done > /tmp/watched"


def test_a_secret_is_changed_by_a_command_and_stands_nowhere_else(machine: Machine, widget: str) -> None:
    machine.admin("touch", "/tmp/watching")
    watcher = machine.begin("sh", "-c", WATCH)
    done = machine.chainsaw("secret", "rotate", "widget", "token")
    machine.admin("rm", "/tmp/watching")
    watcher.wait()
    value = secret(machine, "widget", "token")
    assert machine.inside("widget.app", "cat", "/srv/data/token") == value
    watched = machine.admin("cat", "/tmp/watched")
    machine.admin("rm", "/tmp/watched")
    assert "take-over" in watched
    assert value not in watched, "no argument of a program is a secret"
    assert value not in done.out + done.err
    assert value not in machine.root("journalctl", "--no-pager", "-o", "export")
    ids = machine.block("widget") + 1000
    found = machine.root("stat", "-c", "%a %u %g", f"{DATA}/instances/widget/secrets/token").split()
    assert found == ["400", str(ids), str(ids)]
    assert machine.root("ls", f"{DATA}/instances/widget/secrets").split() == ["key", "session", "token"]


def test_a_secret_that_the_application_does_not_take_stays(machine: Machine, widget: str) -> None:
    before = secret(machine, "widget", "token")
    machine.inside("widget.app", "touch", "/srv/data/stubborn")
    done = machine.chainsaw("secret", "rotate", "widget", "token", code=1)
    assert "take-over in widget.app ended with 1: no token is taken" in done.err
    assert secret(machine, "widget", "token") == before
    machine.inside("widget.app", "rm", "/srv/data/stubborn")
    machine.chainsaw("secret", "rotate", "widget", "token")
    assert machine.inside("widget.app", "cat", "/srv/data/token") == secret(machine, "widget", "token") != before


def test_a_secret_of_what_sleeps_can_be_changed(machine: Machine) -> None:
    bring_back(machine, "widget-app")
    machine.declare("widget", "widget")
    machine.append("widget", "sleep: 4s")
    machine.chainsaw("apply")
    assert wait(lambda: state(machine, "widget") == "asleep", 40)
    machine.chainsaw("secret", "rotate", "widget", "token")
    assert machine.root("cat", f"{DATA}/instances/widget/volumes/data/token") == secret(machine, "widget", "token")


def test_a_secret_that_nobody_knows_how_to_change_stays(machine: Machine, widget: str) -> None:
    before = secret(machine, "widget", "key")
    assert "widget does not say how key is changed" in machine.chainsaw("secret", "rotate", "widget", "key", code=5).err
    assert secret(machine, "widget", "key") == before
    shown = machine.chainsaw("secret", "list", "widget").out
    assert before not in shown
    assert "by a command in app" in shown


# audit record, top and plan


def records(machine: Machine) -> list[dict[str, Any]]:
    lines = machine.journal("-t", "chainsaw", "-o", "json").splitlines()
    return [json.loads(line) for line in lines]


def test_what_is_changed_is_in_the_journal_with_who_and_why(machine: Machine, widget: str) -> None:
    before = len(records(machine))
    machine.chainsaw("list")
    machine.chainsaw("remove", "widget", "-m", "nobody reads it")
    machine.chainsaw("remove", "nobody", code=4)
    machine.chainsaw("apply", "--dry-run")
    first, second = records(machine)[before:]
    assert first["MESSAGE"] == "admin: chainsaw remove widget -m 'nobody reads it': done"
    assert (first["CHAINSAW_WHO"], first["CHAINSAW_WHY"]) == ("admin", "nobody reads it")
    assert (first["CHAINSAW_RESULT"], first["CHAINSAW_EXIT"], first["PRIORITY"]) == ("done", "0", "5")
    assert (second["CHAINSAW_RESULT"], second["CHAINSAW_EXIT"], second["PRIORITY"]) == ("not found", "4", "4")
    assert first["_UID"] == "1000", "the journal itself knows who wrote it"


def test_what_was_done_as_root_names_who_asked_for_it(machine: Machine) -> None:
    machine.admin("sudo", "chainsaw", "setup")
    printed = machine.root("journalctl", "-t", "chainsaw", "-o", "cat", "-n", "1")
    assert printed == "admin: chainsaw setup: done\n"


def test_what_runs_costs_memory_and_what_sleeps_saves_it(machine: Machine, widget: str) -> None:
    bring_back(machine, "radicale-app", "python", "gate")
    machine.declare("cal", "radicale")
    machine.append("cal", "sleep: 4s")
    machine.chainsaw("apply")
    assert wait(lambda: state(machine, "cal") == "asleep", 40)
    reported = machine.json("top")["data"]
    rows = {row["name"]: row for row in reported["instances"]}
    assert (rows["widget"]["state"], rows["cal"]["state"], rows["www"]["state"]) == ("running", "asleep", "running")
    assert rows["widget"]["memory"] > 3_000_000
    assert rows["front"]["memory"] > 3_000_000
    assert rows["widget"]["processes"] >= 2
    assert (rows["cal"]["memory"], rows["cal"]["processes"]) == (0, 0)
    measured = json.loads(machine.read("/usr/share/chainsaw/recipes/radicale/tested.json"))["measured"]
    assert rows["cal"]["saved"] == int(measured["memory_idle_mb"] * 1_000_000)
    assert rows["widget"]["saved"] == 0
    assert reported["total"]["saved"] == rows["cal"]["saved"]
    assert reported["host"]["total"] > reported["host"]["available"] > 0
    assert rows["widget"]["disk"] > 1_000_000
    assert "systemd" in reported["shared"]["names"], "what all share is counted, too"
    assert reported["shared"]["memory"] > 3_000_000
    shown = machine.chainsaw("top").out
    assert "saved by sleeping: " in shown
    assert "shared by all: " in shown
    assert shown.splitlines()[0].split()[:3] == ["name", "state", "memory"]


def test_what_a_plan_stands_for_can_be_done_by_hand(machine: Machine) -> None:
    bring_back(machine, "widget-app")
    machine.declare("widget", "widget")
    lines = machine.chainsaw("plan", "--explain").out.splitlines()
    kinds = ("mkdir", "install", "sudo install", "tr -dc")
    mine = [line for line in lines if line.startswith(kinds) and "openssl" not in line]
    assert len(mine) > 6
    for line in mine:
        machine.admin("sh", "-ec", line)
    left = {action["action"] for action in machine.plan()}
    assert left.isdisjoint({"record-block", "create-directory", "create-secret"})
    typed = secret(machine, "widget", "key")
    machine.chainsaw("apply")
    assert machine.inside("widget.app", "cat", "/run/secrets/key") == typed
    machine.serves(WIDGET, "It works")


# eject


def steps(page: str, heading: str) -> list[str]:
    """Return the commands that stand below a heading of a page."""
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


@pytest.fixture
def ejected(machine: Machine, widget: str) -> Iterator[str]:
    """Eject the widget and disable chainsaw's units; restore them at the end."""
    out = f"{HOME}/alone"
    before = machine.invocations()
    machine.chainsaw("eject", "widget", "--out", out)
    assert machine.invocations() == before, "what runs is not touched"
    machine.root("dpkg", "--purge", "chainsaw")
    assert machine.try_admin("chainsaw", "--version").code != 0
    yield machine.read(f"{out}/README.md")
    machine.verb("install")
    machine.admin("systemctl", "--user", "stop", "chainsaw.target", "app@*", "chainsaw-front*")
    machine.admin("sh", "-c", f"find {UNITS} -lname '{out}/*' -delete; rm -rf {QUADLETS} {out}")
    machine.chainsaw("apply")


def test_an_ejected_instance_runs_without_chainsaw(machine: Machine, widget: str, www: str, ejected: str) -> None:
    for line in steps(ejected, "Put them in place"):
        machine.admin("sh", "-ec", line)
    machine.serves(widget, "It is a widget")
    machine.refuses(www)
    assert machine.inside("widget.app", "cat", "/srv/data/kept") == "walks\n"
    machine.admin("systemctl", "--user", "is-active", "app@widget.service", "chainsaw-front.service")
    for line in steps(ejected, "See what it does"):
        machine.admin("sh", "-c", f"{line} | cat")

    machine.verb("reboot")
    machine.serves(widget, "It is a widget", 60)
    assert machine.inside("widget.app", "cat", "/srv/data/kept") == "walks\n"

    build = next(line for line in steps(ejected, "Its images") if "widget-app" in line)
    reference = build.split("--tag ")[1].split()[0]
    machine.admin("systemctl", "--user", "stop", "app@widget.socket", "app@widget")
    machine.admin("podman", "image", "rm", reference)
    machine.admin("sh", "-ec", build)
    machine.admin("systemctl", "--user", "start", "app@widget.socket", "app@widget")
    machine.serves(widget, "It is a widget")
