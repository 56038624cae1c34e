"""chainsaw backup drill: what it finds, what it leaves alone, and that nothing of it stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .machine import CONFIG, DATA, HOME, STATE, UNITS, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("site")]

NAMES = ("blog", "cal", "wiki", "www")
MAIL = "mail: {host: localhost, port: 2525, tls: none}\n"
DISK = (
    "find {data}/instances/{name} {data}/public/{name} {config}/instances/{name}.yaml "
    "-printf '%p %i %C@ %T@ %m %U\\n' 2> /dev/null | sort"
)
PLACES = (
    f"{CONFIG}/instances",
    f"{CONFIG}/removed",
    *(f"{DATA}/{place}" for place in ("instances", "public", "recipes", "front/issued", "front/certificates")),
)
RUNS = "systemctl --user list-units --all --plain --no-legend '*drill-*'; podman ps --all --format '{{.Names}}'"
FLIP = """
import sys
with open(sys.argv[1], "r+b") as file:
    place = file.seek(0, 2) // 2
    file.seek(place)
    byte = file.read(1)[0]
    file.seek(place)
    file.write(bytes([byte ^ 1]))
"""


@pytest.fixture(scope="module")
def site(machine: Machine) -> Iterator[Machine]:
    """Return a machine with four instances, all that a drill must not have, and a backup of each."""
    machine.write(f"{CONFIG}/site.yaml", MAIL)
    machine.declare("blog", "wordpress", title="Walks by the sea")
    machine.append("blog", "egress: internet")
    machine.append("blog", "backup: {every: daily, drill: weekly}")
    machine.declare("cal", "radicale")
    machine.declare("wiki", "dokuwiki")
    machine.declare("www", "static")
    machine.chainsaw("apply")
    machine.admin("sh", "-c", f"head -c 300000 /dev/urandom > {DATA}/public/www/site/noise")
    machine.chainsaw("backup", "--all")
    yield machine
    machine.purge(*NAMES)


def drilled(machine: Machine, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """Return what a drill says."""
    return list(machine.json("backup", "drill", *words, code=code)["data"]["drills"])


def disk(machine: Machine, name: str) -> str:
    """Return all files of an instance with their inodes and times."""
    return machine.root("sh", "-c", DISK.format(data=DATA, config=CONFIG, name=name))


def rest(machine: Machine) -> str:
    """Return what is in the places in which a drill has something, and what runs of it."""
    script = 'find "$@" -mindepth 1 -maxdepth 2 -path "*/volumes" -prune -o -print 2> /dev/null | sort'
    runs = machine.admin("sh", "-c", RUNS).splitlines()
    found = machine.root("sh", "-c", script, "sh", *PLACES)
    return "\n".join([*found.splitlines(), *(line for line in runs if "drill-" in line)])


def newest(machine: Machine, name: str) -> str:
    """Return the file of the newest backup of an instance."""
    return str(machine.json("backups", name)["data"]["backups"][0]["path"])


def recorded(machine: Machine, name: str) -> dict[str, Any]:
    """Return what is remembered of the last drill."""
    return dict(json.loads(machine.read(f"{STATE}/backups/{name}.json"))["drill"])


def test_each_is_restored_started_and_looked_at_and_nothing_stays(site: Machine) -> None:
    before = rest(site)
    found = {one["instance"]: one for one in drilled(site)}
    assert found.keys() == set(NAMES)
    for name, one in found.items():
        assert (one["ok"], one["problem"]) == (True, ""), one
        assert list(one["phases"]) == ["verify", "make", "unpack", "load", "start", "look", "remove"]
        assert abs(one["seconds"] - sum(one["phases"].values())) < 0.1
        assert one["volumes"], name
        assert recorded(site, name)["problem"] == ""
        assert recorded(site, name)["id"] == one["id"]
    (dump,) = found["blog"]["dumps"].values()
    assert abs(dump["bytes"] - dump["found_bytes"]) <= dump["bytes"] / 10
    assert found["www"]["volumes"]["site"]["found_bytes"] >= 300000
    assert rest(site) == before
    assert "drill-" not in site.chainsaw("list").out
    rows = site.json("list")["data"]["instances"]
    assert {row["name"]: row["drill"]["state"] for row in rows}["blog"] == "good"


def test_what_lives_is_not_touched(site: Machine) -> None:
    # A database that works writes by itself.
    quiet = ("cal", "wiki", "www")
    before, files = site.invocations(), {name: disk(site, name) for name in quiet}
    block, processes = site.block("blog"), site.admin("pgrep", "-f", "mariadbd|nginx: master|radicale")
    drilled(site, "--all")
    after = site.invocations()
    assert {unit: after.get(unit) for unit in before} == before
    assert {name: disk(site, name) for name in quiet} == files
    assert site.block("blog") == block
    assert site.admin("pgrep", "-f", "mariadbd|nginx: master|radicale") == processes


def stopped_before_its_end(machine: Machine, name: str) -> None:
    """Let a drill be killed while its instance runs."""
    machine.chainsaw("backup", "drill", name, fault="none")
    steps = machine.steps()
    number = steps.index(f"move {CONFIG}/instances/drill-{name}.yaml") + 1
    machine.chainsaw("backup", "drill", name, code=-9, fault=f"kill:{number}")
    machine.steps()


def test_it_has_no_timers_no_mail_no_network_and_no_visitors(site: Machine) -> None:
    before = rest(site)
    stopped_before_its_end(site, "blog")
    links = site.admin("ls", UNITS).split()
    assert {"app@blog.cron.timer", "app@blog.mail.socket", "chainsaw-backup@blog.timer"} <= {*links}
    own = [link for link in links if "drill-blog" in link]
    assert own == ["app@drill-blog.socket"], own
    assert not [unit for unit in site.units("*drill-blog*") if "timer" in unit or "mail" in unit or "network" in unit]
    modes = ["podman", "inspect", "--format", "{{.HostConfig.NetworkMode}}"]
    assert site.admin(*modes, "drill-blog.app", "drill-blog.db").split() == ["none", "none"]
    assert site.admin(*modes, "blog.app").strip() != "none"
    inside = site.inside("drill-blog.app", "sh", "-c", "cat /proc/net/dev /proc/net/route; ls /run/instance")
    assert "mail.sock" not in inside
    assert "eth0" not in inside
    assert "Walks by the sea" in site.curl("https://drill-blog.localhost/")
    assert site.get("https://drill-blog.localhost/").status == 403
    assert site.get("https://drill-blog.localhost/wp-login.php").status == 403
    # The next command that changes something deletes it.
    said = site.chainsaw("apply").err
    assert "drill-blog" in said
    assert "drill-" not in rest(site)
    drilled(site, "blog")
    assert rest(site) == before


def test_a_damaged_backup_fails_before_an_instance_is_made(site: Machine) -> None:
    path, before = newest(site, "www"), rest(site)
    site.admin("python3", "-c", FLIP, path)
    done = site.chainsaw("backup", "drill", "www", code=3, fault="none")
    assert not [step for step in site.steps() if "drill-www" in step]
    assert "www" in done.err
    assert "can be restored" not in done.out
    assert recorded(site, "www")["problem"]
    assert "failed" in site.chainsaw("status", "www").out
    assert rest(site) == before
    # It counts as none from then on, until it is read as a whole again.
    assert "there is no good backup of www" in site.chainsaw("backup", "drill", "www", code=4).err
    site.admin("python3", "-c", FLIP, path)
    site.chainsaw("backup", "verify", path)
    assert drilled(site, "www")[0]["ok"]


def test_an_application_that_does_not_start_is_reported_and_torn_down(site: Machine) -> None:
    before = rest(site)
    site.declare("bad", "wordpress", title="Broken")
    site.chainsaw("apply", "bad")
    content = f"{DATA}/public/bad/content"
    site.inside("bad.app", "sh", "-c", "mkdir -p /var/lib/wordpress/wp-content; true")
    owner = site.root("stat", "-c", "%u:%g", content).strip()
    site.root("sh", "-c", f"mkdir -p {content}/mu-plugins; echo '<?php broken(' > {content}/mu-plugins/broken.php")
    site.root("chown", "-R", owner, f"{content}/mu-plugins")
    site.chainsaw("backup", "bad")
    site.chainsaw("remove", "bad", "--purge", "--no-backup", "--yes", code=None)
    done = site.chainsaw("backup", "drill", "bad", "--json", code=3)
    told = json.loads(done.out)
    (one,) = told["data"]["drills"]
    assert not one["ok"]
    assert "start" in one["phases"]
    assert "look" not in one["phases"]
    assert "drill-bad" in one["problem"]
    assert any("drill-bad" in item["message"] for item in told["diagnostics"])
    assert not [line for line in rest(site).splitlines() if line not in before.splitlines() and "bad" not in line]
    assert "drill-" not in rest(site)


def test_an_encrypted_backup_needs_its_key(site: Machine) -> None:
    sheet = site.json("backup", "key")
    secret = next(value for value in sheet["data"].values() if str(value).startswith("AGE-SECRET-KEY-"))
    site.write(f"{HOME}/key.txt", f"{secret}\n")
    public = next(value for value in sheet["data"].values() if str(value).startswith("age1"))
    site.chainsaw("backup", "cal", "--encrypt", public)
    before = recorded(site, "cal")
    done = site.chainsaw("backup", "drill", "cal", code=3)
    assert "chainsaw backup drill cal --identity FILE" in done.err
    assert "can be restored" not in done.out
    assert recorded(site, "cal") == before
    site.chainsaw("backup", "drill", "cal", "--scheduled", code=3)
    assert "encrypted" in recorded(site, "cal")["problem"]
    assert drilled(site, "cal", "--identity", f"{HOME}/key.txt")[0]["ok"]
    assert recorded(site, "cal")["problem"] == ""


def test_the_name_of_a_real_instance_is_not_taken(site: Machine) -> None:
    site.declare("drill-www", "static")
    site.chainsaw("apply", "drill-www")
    before = disk(site, "drill-www")
    (one,) = drilled(site, "www", code=3)
    assert "drill-www is taken" in one["problem"]
    assert disk(site, "drill-www") == before
    site.purge("drill-www")
    site.root("rm", "-rf", f"{DATA}/instances/drill-www")
    assert drilled(site, "www")[0]["ok"]


@pytest.mark.parametrize(
    "tenth", [tenth if tenth in (2, 5, 8) else pytest.param(tenth, marks=pytest.mark.long) for tenth in range(1, 10)]
)
def test_a_drill_that_is_killed_leaves_nothing_after_the_next_one(site: Machine, tenth: int) -> None:
    before = rest(site)
    site.chainsaw("backup", "drill", "www", fault="none")
    number = len(site.steps()) * tenth // 10
    site.chainsaw("backup", "drill", "www", code=-9, fault=f"kill:{number}")
    site.steps()
    assert drilled(site, "www")[0]["ok"]
    assert rest(site) == before
