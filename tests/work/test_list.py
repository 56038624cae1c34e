"""What list shows of each instance, from a snapshot of the host."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chainsaw.checks.observed import DiskUse
from chainsaw.errors import Diagnostic, Exit
from chainsaw.host.store.backups import write_backups
from chainsaw.model.backup import BackupRecord, Made
from chainsaw.model.deployment import Scheduled, Service
from chainsaw.plan.observed import EMPTY, Drift, UnitDetails
from chainsaw.work.inspect.list import HEADING, report_on
from chainsaw.work.inspect.snapshot import Pending, Snapshot

APP, DB, SOCKET = "app@blog.service", "app@blog.db.service", "app@blog.socket"


def unit(active="active", since=120.0, restarts=0):
    return UnitDetails(active, "", time.time() - since, restarts)


@pytest.fixture
def seen(goldens, admin):
    """A running blog with all its directories."""
    manifest = goldens["wordpress"].manifest
    blog = manifest.instances["blog"]

    def at_home(items):
        return tuple(item.model_copy(update={"path": f"{admin.paths.home}{item.path}"}) for item in items)

    blog = blog.model_copy(update={"directories": at_home(blog.directories), "volumes": at_home(blog.volumes)})
    for place in blog.places:
        Path(place.path).mkdir(parents=True, exist_ok=True)
    units = {APP: unit(), DB: unit(since=300), SOCKET: unit(since=400)}
    return Snapshot(
        manifest.model_copy(update={"instances": {"blog": blog}}),
        units,
        memory={"blog": 97_000_000},
        disk={"blog": DiskUse(12_400_000, 36_000_000, 1400)},
        pending=Pending(frozenset(["blog"])),
    )


def reported(admin, seen):
    """Return the one row, as data and as it is shown."""
    result = report_on(admin.account, seen)
    (row,), (shown,) = result.data["instances"], result.table.rows
    return row, dict(zip(HEADING, shown, strict=True)), result


def test_a_running_instance_is_listed_with_memory_and_disk(admin, seen):
    row, shown, result = reported(admin, seen)
    assert shown == {
        "name": "blog",
        "recipe": f"wordpress {row['version']}",
        "state": "running",
        "since": "2 min",
        "memory": "97 MB",
        "disk": "12 MB",
        "caches": "36 MB",
        "block": str(row["block"]),
        "backup": "none",
        "url": "https://blog.example.org/",
    }
    assert set(row) == {
        "name", "recipe", "version", "url", "state", "health", "since", "memory", "disk", "caches", "files",
        "disk_expected", "files_expected", "block", "certificate", "warnings", "last_backup",
        "backup", "drill",
    }  # fmt: skip
    assert (row["memory"], row["disk"], row["block"] > 0, row["last_backup"]) == (97_000_000, 12_400_000, True, None)
    assert (row["caches"], row["files"]) == (36_000_000, 1400)
    assert (row["disk_expected"], row["files_expected"]) == (2 * 2**30, 131072)
    assert result.lines == ()


def test_an_unknown_value_is_not_shown_as_zero(admin, seen):
    row, shown, _ = reported(admin, replace(seen, disk={}))
    assert (row["disk"], row["caches"], row["files"], shown["disk"], shown["caches"]) == (None, None, None, "?", "?")


def test_what_could_not_be_counted_in_time_is_named(admin, seen):
    row, shown, result = reported(admin, replace(seen, disk={"blog": DiskUse(None, 0, None)}))
    assert (row["disk"], shown["disk"], shown["caches"], row["warnings"]) == (None, "?", "", [])
    assert result.lines == ("not counted within 2 s: the disk of blog; chainsaw doctor takes longer",)


def test_more_on_the_disk_than_is_expected_is_warned_of(admin, seen):
    row, _, result = reported(admin, replace(seen, disk={"blog": DiskUse(3_000_000_000, 200_000_000, 200_412)}))
    assert result.lines == (
        "blog: it has 3.2 GB on the disk where 2.1 GB are expected and 200412 files where 131072 are expected:"
        " chainsaw inventory blog; if that is right: chainsaw config set blog disk 4G",
    )
    assert len(row["warnings"]) == 1
    blog = seen.manifest.instances["blog"].model_copy(update={"disk": 4 * 2**30})
    manifest = seen.manifest.model_copy(update={"instances": {"blog": blog}})
    assert reported(admin, replace(seen, manifest=manifest))[0]["warnings"] == []


def test_an_instance_without_processes_takes_no_memory(admin, seen):
    down = {APP: unit("inactive"), DB: unit("inactive")}
    row, shown, result = reported(admin, replace(seen, units={**seen.units, **down}, memory={}))
    assert (row["state"], row["memory"], shown["memory"], result.exit) == ("stopped", 0, "", Exit.OK)


@pytest.mark.parametrize("health", ["healthy", "unhealthy", "starting"])
def test_the_health_is_that_of_what_runs(admin, seen, health):
    blog = seen.manifest.instances["blog"]
    services = tuple(item.model_copy(update={"polled": True}) for item in blog.services)
    manifest = seen.manifest.model_copy(update={"instances": {"blog": blog.model_copy(update={"services": services})}})
    seen = replace(seen, manifest=manifest, healths={"blog.app": "healthy", "blog.db": health})
    row, shown, result = reported(admin, seen)
    assert (row["health"], shown["state"]) == (health, f"running, {health}")
    assert result.exit is (Exit.DEGRADED if health == "unhealthy" else Exit.OK)
    row, shown, result = reported(admin, replace(seen, units={**seen.units, APP: unit("failed")}))
    assert (row["health"], shown["state"], result.exit) == (None, "failed", Exit.DEGRADED)


def changed(seen, **fields):
    return replace(seen, pending=replace(seen.pending, **fields))


def warned(admin, seen):
    row, _, result = reported(admin, seen)
    assert list(result.lines) == [f"blog: {warning}" for warning in row["warnings"]]
    return row["warnings"]


def test_what_apply_would_change_is_warned_of(admin, seen):
    (warning,) = warned(admin, changed(seen, changed=frozenset(["blog", "club"])))
    assert warning == "its file or its recipe has changed since it was applied: chainsaw diff blog"


def test_no_longer_declared_is_shown_in_any_state(admin, seen):
    row, shown, _ = reported(admin, changed(seen, declared=frozenset()))
    assert row["state"] == shown["state"] == "no longer declared"
    assert row["warnings"] == ["applied, but no longer declared; the next apply stops it"]


def test_what_was_edited_by_hand_is_warned_of(admin, seen):
    drift = (Drift("quadlets/app@blog.container", ""), Drift("nginx/nginx.conf", ""))
    assert warned(admin, replace(seen, drift=drift)) == ["edited by hand: quadlets/app@blog.container"]


def test_a_unit_that_restarts_repeatedly_is_warned_of(admin, seen):
    units = {**seen.units, APP: unit(restarts=2), DB: unit(restarts=7)}
    assert warned(admin, replace(seen, units=units)) == [f"{DB} restarted 7 times: chainsaw logs blog"]


def test_a_missing_directory_is_warned_of(admin, seen):
    place = seen.manifest.instances["blog"].volumes[-1].path
    Path(place).rmdir()
    assert warned(admin, seen) == [f"{place} is missing"]


def test_a_declared_instance_is_listed_with_its_recipe_and_route(admin):
    admin.declare("blog")
    row, shown, _ = reported(admin, Snapshot(EMPTY, pending=Pending(frozenset(["blog"]))))
    assert shown == {
        "name": "blog",
        "recipe": "wordpress",
        "state": "not applied",
        "since": "",
        "memory": "",
        "disk": "",
        "caches": "",
        "block": "",
        "backup": "",
        "url": "https://blog.example.org/",
    }
    assert row["warnings"] == ["declared, but not applied: chainsaw apply blog"]
    assert (row["version"], row["health"], row["disk"], row["memory"]) == (None, None, None, 0)


def test_an_unreadable_file_is_listed_with_its_problem(admin):
    admin.write("instances/blog.yaml", "recipe: wordpress\n")
    problem = Diagnostic("missing", "required, and missing", "instances/blog.yaml", key="route")
    seen = Snapshot(EMPTY, pending=Pending(frozenset(["blog"]), problems=(problem,)))
    row, shown, result = reported(admin, seen)
    assert (shown["recipe"], shown["url"]) == ("?", "?")
    assert re.fullmatch(r"instances/blog\.yaml:1:1: route: required, and missing", row["warnings"][0])
    assert [(item.code, item.severity) for item in result.diagnostics] == [("missing", "warning")]


def test_instances_stand_in_the_order_of_their_names(admin, seen):
    for name in ("zoo", "attic"):
        admin.declare(name)
    result = report_on(admin.account, changed(seen, declared=frozenset(["zoo", "blog", "attic"])))
    assert [row["name"] for row in result.data["instances"]] == ["attic", "blog", "zoo"]


def test_where_there_is_no_instance_the_first_step_is_shown(admin):
    result = report_on(admin.account, Snapshot(EMPTY))
    assert (result.data, result.lines) == ({"instances": []}, ("no instance is declared: chainsaw new RECIPE NAME",))


MADE = {"id": "x", "to": "/mnt/nas", "bytes": 1, "data": 1, "members": 1, "version": "1", "files": "running"}
PLAN = Scheduled(every="daily", to=("/mnt/nas",), timers=(Service(unit="chainsaw-backup@blog.timer", digest=""),))


def with_backup(admin, seen, ago, plan=PLAN):
    """Let an instance have a schedule, and a backup that was made a while ago."""
    made = Made(**MADE, at=int(time.time() - ago), downtime=0.0)
    write_backups(admin.paths, "blog", BackupRecord(made={"/mnt/nas": made}))
    blog = seen.manifest.instances["blog"].model_copy(update={"scheduled": plan})
    units = {**seen.units, "chainsaw-backup@blog.timer": unit()}
    links = Path(admin.paths.unit_links)
    links.mkdir(parents=True, exist_ok=True)
    (links / "chainsaw-backup@blog.timer").symlink_to(f"{admin.paths.current}/units/chainsaw-backup@blog.timer")
    return replace(seen, manifest=seen.manifest.model_copy(update={"instances": {"blog": blog}}), units=units)


def test_the_age_of_the_last_good_backup_is_listed(admin, seen):
    row, shown, result = reported(admin, with_backup(admin, seen, 7300))
    assert (shown["backup"], row["backup"]["state"], row["drill"]["state"]) == ("2 h", "good", "none")
    assert abs(row["last_backup"] - (time.time() - 7300)) < 60
    assert (row["warnings"], result.exit) == ([], Exit.OK)


def test_an_overdue_backup_is_listed_with_its_reason_and_the_command(admin, seen):
    row, shown, result = reported(admin, with_backup(admin, seen, 9.5 * 86400))
    assert (shown["backup"], row["backup"]["state"]) == ("9 d, overdue", "overdue")
    assert result.lines == (
        "blog: its backup: overdue: the last good one is 9 d old, and one is due each day: chainsaw backup blog",
    )
    assert result.exit is Exit.OK


def test_a_deleted_timer_is_said_though_the_last_backup_is_fresh(admin, seen):
    there = with_backup(admin, seen, 60)
    Path(admin.paths.unit_links, "chainsaw-backup@blog.timer").unlink()
    row, shown, _ = reported(admin, there)
    assert (shown["backup"], row["backup"]["hint"]) == ("1 min, no timer", "chainsaw apply")


@pytest.mark.parametrize("plan", [PLAN, Scheduled()])
def test_a_record_of_backups_that_cannot_be_read_is_unknown(admin, seen, plan):
    there = with_backup(admin, seen, 60, plan)
    Path(admin.paths.backup_record("blog")).write_text("{")
    row, shown, result = reported(admin, there)
    assert (shown["backup"], row["backup"]["state"], row["last_backup"]) == ("?", "unknown", None)
    assert "its record cannot be read" in result.lines[0]
