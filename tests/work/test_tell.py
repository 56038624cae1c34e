"""What has changed is told once on each channel, whatever fails in between."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from receivers import receiving

from chainsaw.checks.changes import ALARMING, PERIOD, WEEK
from chainsaw.checks.check import Check
from chainsaw.checks.observed import Space
from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files, readings
from chainsaw.host.notified import read_notified
from chainsaw.load.site import load_site
from chainsaw.model.notified import Notified
from chainsaw.plan.observed import UnitDetails
from chainsaw.work.notify import report, tell
from chainsaw.work.result import Quiet
from chainsaw.work.system import doctor, watch, weekly

ROOT = Path(__file__).resolve().parent.parent.parent
TOPICS = frozenset(ALARMING)
DOWN = Check("instance", "fail", "failed", "chainsaw logs blog", "blog")
UP = Check("instance", "ok", "running", subject="blog")


class Scene:
    """A site whose only way is a webhook on this host, and looks at it each five minutes."""

    def __init__(self, admin, server):
        self.admin, self.server, self.now = admin, server, 1_800_000_000.0
        store(admin, "alarm", f"http://localhost:{server.port}/")
        Path(admin.account.runtime).mkdir(exist_ok=True)

    site = load_site("site.yaml", "notify: {webhook: {url: {secret: alarm}}}\n")

    def look(self, *checks, times=1):
        for _ in range(times):
            self.now += PERIOD
            found = tell.tell(self.admin.account, self.site, checks, TOPICS, Quiet(), lambda: self.now)
        return found

    @property
    def got(self):
        return [json.loads(content) for _, _, content in self.server.got]


def store(admin, key, value):
    place = Path(admin.paths.site_secret(key))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(value)


@pytest.fixture
def scene(admin):
    with receiving() as server:
        yield Scene(admin, server)


def test_what_is_new_and_what_is_over_is_told_once(scene):
    scene.look(DOWN, times=5)
    scene.look(UP, times=5)
    first, second = scene.got
    assert (first["state"], first["subject"].partition(": ")[2]) == ("fail", "instance of blog: failed")
    assert "fail  instance of blog: failed\n      chainsaw logs blog\n" in first["text"]
    assert first["changes"] == [
        {
            "topic": "instance",
            "subject": "blog",
            "state": "fail",
            "found": "failed",
            "hint": "chainsaw logs blog",
            "since": 1_800_000_600.0,
            "before": "ok",
        }
    ]
    assert (second["state"], second["subject"].partition(": ")[2]) == ("ok", "over: instance of blog: running")
    assert "Over:\nok    instance of blog: running\n" in second["text"]


def test_what_still_is_stands_below_what_has_changed(scene):
    scene.look(DOWN, times=2)
    scene.look(DOWN, Check("disk", "warn", "1 GB of 9 GB free at /", subject="data"), times=2)
    assert [item["topic"] for item in scene.got[1]["changes"]] == ["disk"]
    assert [item["topic"] for item in scene.got[1]["present"]] == ["instance"]
    assert "Still so, as you were told:\nfail  instance of blog: failed\n" in scene.got[1]["text"]


def test_a_subject_names_what_is_new_and_what_is_over(scene):
    disk, club = Check("disk", "fail", "full", subject="data"), Check("instance", "fail", "failed", subject="club")
    scene.look(DOWN, disk, times=2)
    scene.look(UP, club, Check("disk", "ok", "free", subject="data"), times=2)
    said = [item["subject"].partition(": ")[2] for item in scene.got]
    assert said == ["disk of data, instance of blog", "instance of club; over: disk of data, instance of blog"]


def test_several_changes_are_one_message(scene):
    scene.look(*(Check("certificate", "fail", "expired", subject=f"{n}.example.org") for n in range(200)), times=2)
    (message,) = scene.got
    assert len(message["changes"]) == 200
    assert len(message["subject"]) <= 150
    assert "and 140 more" in message["text"]


def test_what_others_have_written_is_one_line_without_controls(scene):
    said = "refused\nOver:\r\nok  \x1b[31mall \u202ewell\x00" + "x" * 5000
    scene.look(Check("certificate", "fail", said, "do\nthis", "a.example.org"), times=2)
    (message,) = scene.got
    assert "refused Over: ok ?[31mall ?well?xxx" in message["text"]
    assert all(len(line) < 600 for line in message["text"].splitlines())
    assert not set(message["text"]) & set("\x1b\x00\r\u202e")


def test_what_was_refused_is_told_later_and_the_problem_is_kept(scene):
    scene.server.status = 500
    assert "500 Internal Server Error" in scene.look(DOWN, times=2).problems["webhook alarm"].message
    item = read_notified(scene.admin.account).channel("webhook alarm")
    assert (item.failed, item.problem) == (1, "500 Internal Server Error: ok")
    scene.server.status = 200
    assert scene.look(DOWN).told == {"webhook alarm": 1}
    assert read_notified(scene.admin.account).channel("webhook alarm").problem == ""


def test_the_record_is_for_the_admin_alone_and_has_a_version(scene):
    scene.look(DOWN, times=2)
    place = Path(scene.admin.paths.notified)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert json.loads(place.read_text())["format"] == 1


@pytest.mark.parametrize("text", ["", "{", '{"format": 2}', '{"format": 1, "more": 1}'])
def test_a_record_that_cannot_be_read_counts_as_none(scene, text):
    scene.look(DOWN, times=2)
    Path(scene.admin.paths.notified).write_text(text)
    scene.look(DOWN, times=5)
    assert len(scene.got) == 2


# On a full disk

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full(admin, monkeypatch):
    """Let nothing be written to the disk while the list that is returned is not empty; in memory it can."""
    real, now = files.write_atomic, [True]

    def write(path, content, mode=0o644):
        if now and not path.startswith(admin.account.runtime):
            raise FULL
        real(path, content, mode)

    monkeypatch.setattr(files, "write_atomic", write)
    return now


def test_a_full_disk_is_told_once_and_so_is_its_end(scene, full):
    scene.look(Check("disk", "fail", "0 B of 9 GB free at /", subject="data"), times=10)
    assert len(scene.got) == 1
    full.clear()
    scene.look(Check("disk", "ok", "5 GB of 9 GB free at /", subject="data"), times=10)
    assert [item["state"] for item in scene.got] == ["fail", "ok"]
    assert [path.name for path in Path(scene.admin.account.runtime).iterdir()] == ["chainsaw-notify.lock"]


def test_where_nothing_at_all_can_be_recorded_nobody_is_flooded(scene, monkeypatch):
    def write(*_):
        raise FULL

    scene.look(DOWN)
    monkeypatch.setattr(files, "write_atomic", write)
    for _ in range(5):
        with pytest.raises(OSError, match="No space left"):
            scene.look(DOWN)
    assert scene.got == []


# Killed

KILLED = """
import sys
from chainsaw.host.account import this_account
from chainsaw.load.site import load_site
from chainsaw.work.notify.tell import tell
from chainsaw.work.result import Quiet
from chainsaw.checks.check import Check

site = load_site("site.yaml", "notify: {webhook: {url: {secret: alarm}}}")
down = Check("instance", "fail", "failed", subject="blog")
tell(this_account(), site, [down], {"instance"}, Quiet())
"""
STEPS = ["record what was told", "send to webhook alarm", "record what was told"]


def look_in_a_process(fault=""):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CHAINSAW_FAULT": fault}
    return subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False).returncode


@pytest.mark.parametrize("place", ["1", "2", "2+", "3"])
def test_after_a_kill_at_any_step_it_is_told_at_least_once(scene, place):
    assert look_in_a_process() == 0
    assert look_in_a_process(f"kill:{place}") == -9
    for _ in range(3):
        assert look_in_a_process() == 0
    assert len(scene.got) == (2 if place in ("2+", "3") else 1)


def test_the_steps_are_these(scene, tmp_path):
    steps = []
    for _ in range(2):
        scene.look(DOWN)
        steps = scene.admin.account.steps.done
    assert steps[-3:] == STEPS


# What is looked at


@pytest.fixture
def host(admin, monkeypatch):
    """A host whose user manager says what the dictionary that is returned holds, and whose disk has room."""
    units: dict[str, UnitDetails] = {}
    room = Space(("data",), "/", 10**11, 5 * 10**10, 0, 0)
    monkeypatch.setattr(doctor, "ask_systemd", lambda: doctor.Systemd(units, 257))
    monkeypatch.setattr(readings, "spaces", lambda _: [room])
    return units


def test_what_is_told_is_what_doctor_says(admin, host):
    admin.declare("blog")
    admin.generation()
    checks, topics = watch.watched(admin.account)
    assert topics == set(ALARMING)
    found = {(check.topic, check.subject): check.state for check in checks}
    assert found["instance", "blog"] == "fail"
    assert found["generation", ""] == "ok"
    assert found["disk", "data"] == "ok"


def test_without_a_user_manager_nothing_is_known_and_nothing_is_over(admin, monkeypatch, host):
    admin.declare("blog")
    admin.generation()
    monkeypatch.setattr(doctor, "ask_systemd", doctor.Systemd)
    checks, _ = watch.watched(admin.account)
    assert {check.state for check in checks if check.topic == "instance"} == {"unknown"}


def test_of_a_generation_that_cannot_be_read_only_that_is_told(admin, host):
    admin.declare("blog")
    admin.generation()
    Path(admin.paths.current, "manifest.json").write_text("{")
    checks, topics = watch.watched(admin.account)
    assert topics == {"generation", "disk"}
    assert [check.state for check in checks if check.topic == "generation"] == ["fail"]


TIMER = "chainsaw-notify.timer"


@pytest.mark.parametrize(
    ("timer", "ago", "state", "words"),
    [
        (None, 60, "fail", "is not there: nobody is told"),
        (UnitDetails("inactive", "dead"), 60, "fail", "is inactive: nobody is told"),
        (UnitDetails("active", "waiting"), 60, "ok", "looked 1 min ago"),
        (UnitDetails("active", "waiting", 1e9 - 60), 7200, "ok", "looked 2 h ago"),
        (UnitDetails("active", "waiting"), 7200, "fail", "has not looked for 2 h"),
    ],
)
def test_doctor_knows_whether_anybody_looks(timer, ago, state, words):
    from chainsaw.checks.notify import notifications

    units = {TIMER: timer} if timer else {}
    check = next(notifications(units, Notified(looked=1e9 - ago), ("mail to kim@example.org",), 1e9))
    assert (check.state, words in check.found) == (state, True), check


def test_doctor_names_a_channel_that_fails(scene):
    from chainsaw.checks.notify import notifications

    scene.server.status = 500
    scene.look(DOWN, times=2)
    units = {TIMER: UnitDetails("active", "waiting")}
    record = read_notified(scene.admin.account)
    found = list(notifications(units, record, ("webhook alarm",), scene.now + 3600))
    assert (found[1].name, found[1].state, found[1].hint) == ("notify of webhook alarm", "fail", "chainsaw notify test")
    assert "nothing was sent for 1 h: 500 Internal Server Error" in found[1].found
    assert list(notifications(units, record, (), scene.now)) == []


# test, list and summary


@pytest.fixture
def wired(scene, host):
    """The same site, applied."""
    scene.admin.write("site.yaml", "notify: {webhook: {url: {secret: alarm}}, weekly: monday}\n")
    scene.admin.declare("blog")
    scene.admin.generation()
    return scene


def test_a_test_is_sent_before_it_is_applied(scene):
    scene.admin.write("site.yaml", "notify: {webhook: {url: {secret: alarm}}}\n")
    done = report.test_channels(scene.admin.account, Quiet())
    assert (done.exit, done.lines) == (Exit.OK, ("webhook alarm: 200 OK: ok", "next: chainsaw apply"))
    assert done.data == {
        "channels": [{"channel": "webhook alarm", "sent": True, "answer": "200 OK: ok", "problem": None}]
    }
    assert scene.got[0]["kind"] == "test"


def test_a_test_that_fails_says_so_with_its_exit_code(wired):
    wired.server.status = 403
    done = report.test_channels(wired.admin.account, Quiet())
    assert (done.exit, [item.message for item in done.diagnostics]) == (
        Exit.FAILED,
        ["webhook alarm: 403 Forbidden: ok"],
    )
    wired.admin.write("site.yaml", "notify: {webhook: {url: {secret: alarm}}, command: ['true']}\n")
    done = report.test_channels(wired.admin.account, Quiet())
    assert (done.exit, done.lines) == (Exit.DEGRADED, ("command true: ended with 0", "next: chainsaw apply"))


def test_a_test_that_succeeds_ends_the_waiting(wired):
    wired.server.status = 500
    for _ in range(8):
        wired.look(DOWN)
    wired.server.status = 200
    report.test_channels(wired.admin.account, Quiet())
    assert wired.look(DOWN).told == {"webhook alarm": 1}


def test_where_nobody_is_to_be_told_the_next_step_is_shown(admin):
    with pytest.raises(ChainsawError) as refused:
        report.test_channels(admin.account, Quiet())
    assert (refused.value.exit, refused.value.diagnostics[0].code) == (Exit.MISSING, "no-notify")
    assert "notify: {mail: admin}" in refused.value.diagnostics[0].hint
    admin.write("site.yaml", "notify: {command: [logger]}\n")
    with pytest.raises(ChainsawError) as refused:
        report.list_notified(admin.account)
    assert refused.value.diagnostics[0].hint == "chainsaw apply"


def test_a_list_shows_who_was_told_and_when(wired):
    wired.look(DOWN)
    assert report.list_notified(wired.admin.account).table.rows[0][:3] == ("fail", "instance of blog", "failed")
    assert report.list_notified(wired.admin.account).table.rows[0][4] == "seen once, not yet"
    wired.look(DOWN)
    done = report.list_notified(wired.admin.account)
    (row,) = done.data["conditions"]
    assert row["told"] == {"webhook alarm": {"state": "fail", "at": 1_800_000_600.0}}
    assert done.table.rows[0][4].startswith("2027-01-15 ")
    wired.server.status = 500
    wired.look(UP, times=2)
    done = report.list_notified(wired.admin.account)
    assert (done.exit, done.table.rows[0][0], done.table.rows[0][4]) == (3, "over", "not yet: webhook alarm")
    assert done.lines[0].startswith("webhook alarm: nothing was sent for ")


def test_a_look_tells_what_changed_and_reports_what_failed(wired):
    account = wired.admin.account
    assert watch.send_changes(account, Quiet()).data == {"told": {}, "failed": {}}
    done = watch.send_changes(account, Quiet())
    assert (done.exit, done.lines) == (Exit.OK, ("webhook alarm: told of 1 change",))
    assert [item["subject"] for item in wired.got[0]["changes"]] == ["blog"]
    wired.server.status = 500
    wired.admin.retract("blog")
    wired.admin.generation()
    watch.send_changes(account, Quiet())
    done = watch.send_changes(account, Quiet())
    assert (done.exit, done.data["told"]) == (Exit.DEGRADED, {})
    assert "webhook alarm: 500 Internal Server Error" in done.data["failed"]["webhook alarm"]
    assert (done.diagnostics[0].severity, done.diagnostics[0].hint) == ("warning", "chainsaw notify test")


@pytest.fixture
def calm(monkeypatch):
    """Podman and the disk are not asked."""
    rows = [{"name": "blog", "state": "running", "disk": 41_000_000, "recipe": "wordpress", "version": "6", "url": "u"}]
    monkeypatch.setattr(weekly, "list_instances", lambda _: type("Done", (), {"data": {"instances": rows}}))


def test_a_summary_names_instances_disk_and_what_needs_attention(wired, calm):
    checks = [
        Check("disk", "ok", "50 GB of 100 GB free at /", subject="data"),
        Check("certificate", "warn", "due", "chainsaw cert renew a", "a"),
        Check("renewal", "unknown", "systemd does not answer"),
        Check("instance", "warn", "starting just now", subject="blog"),
    ]
    done = weekly.report_summary(wired.admin.account, checks, True, Quiet())
    text = done.data["text"]
    assert "blog: running, 41 MB on the disk, wordpress 6, u\n" in text
    assert "disk of data: 50 GB of 100 GB free at /\n" in text
    assert "needs attention:\n  warn    certificate of a: due\n          chainsaw cert renew a\n" in text
    assert "unknown renewal: systemd does not answer" in text
    assert "starting" not in text
    assert done.data["subject"].endswith(": this week, 2 things need attention")
    assert (done.data["sent"], wired.got[0]["kind"], wired.got[0]["state"]) == (["webhook alarm"], "summary", "warn")


def test_a_summary_is_sent_once_a_week_and_again_when_it_was_refused(wired, calm, monkeypatch):
    account, site = wired.admin.account, load_site("site.yaml", wired.admin.read("site.yaml"))

    def send(at):
        monkeypatch.setattr("time.time", lambda: at)
        return weekly.send_summary(account, site, [], Quiet())

    wednesday = datetime(2026, 12, 2, 9).timestamp()
    monday = datetime(2026, 12, 7, 8, 1).timestamp()
    assert send(wednesday) == {}
    assert send(monday - 120) == {}
    wired.server.status = 500
    assert "500" in send(monday)["webhook alarm"].message
    assert send(monday + 60) == {}
    wired.server.status = 200
    assert send(monday + PERIOD) == {"webhook alarm": None}
    assert send(monday + 2 * PERIOD) == {}
    assert send(monday + WEEK) == {"webhook alarm": None}
    assert [item["kind"] for item in wired.got] == ["summary"] * 3


@pytest.mark.parametrize(
    ("day", "now", "expected"),
    [
        ("monday", "2026-12-07 08:00", "2026-12-07 08:00"),
        ("monday", "2026-12-07 07:59", "2026-11-30 08:00"),
        ("monday", "2026-12-13 23:59", "2026-12-07 08:00"),
        ("sunday", "2026-12-07 12:00", "2026-12-06 08:00"),
    ],
)
def test_the_day_of_the_summary(day, now, expected):
    found = weekly.last_morning(day, datetime.fromisoformat(now).timestamp())
    assert datetime.fromtimestamp(found) == datetime.fromisoformat(expected)
