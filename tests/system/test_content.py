"""Content is kept over restarts and applies; test_reboot checks it again after a reboot."""

from __future__ import annotations

import pytest

from .machine import Machine, wait
from .wordpress import Visitor, post

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]


@pytest.fixture(scope="module")
def visitor(machine: Machine, blog: str) -> Visitor:
    return Visitor(machine, blog, machine.chainsaw("secret", "show", "blog", "admin_password").out.strip())


@pytest.fixture(scope="module")
def written(visitor: Visitor) -> int:
    return visitor.write("Low tide", "<p>The sandbank is walkable until four.</p>")


@pytest.fixture(scope="module")
def uploaded(visitor: Visitor) -> str:
    return visitor.upload("tide-table.txt", "04:12 low\n10:25 high\n")


def test_a_post_is_there_after_a_restart(machine: Machine, blog: str, written: int) -> None:
    machine.admin("systemctl", "--user", "restart", "app@blog")
    assert post(machine, blog, written)["title"]["rendered"] == "Low tide"
    assert "walkable until four" in machine.get(post(machine, blog, written)["link"]).body


def test_a_post_is_there_after_a_change_is_applied(machine: Machine, blog: str, written: int) -> None:
    before = machine.invocations()
    machine.declare("blog", "wordpress", title="Walks by the cold sea")
    machine.chainsaw("apply")
    assert "<title>Walks by the cold sea</title>" in machine.get(blog).body
    assert post(machine, blog, written)["title"]["rendered"] == "Low tide"
    changed = {unit for unit, invocation in machine.invocations().items() if before.get(unit) != invocation}
    assert "chainsaw-front.service" not in changed
    machine.declare("blog", "wordpress", title="Walks by the sea")
    machine.chainsaw("apply")
    assert machine.plan() == []


def test_an_upload_is_served_by_the_front(machine: Machine, uploaded: str) -> None:
    machine.admin("systemctl", "--user", "stop", "app@blog.socket", "app@blog.service")
    try:
        answer = machine.get(uploaded)
        assert answer.body == "04:12 low\n10:25 high\n"
        assert answer.headers["content-type"].startswith("text/plain")
    finally:
        machine.admin("systemctl", "--user", "start", "app@blog.socket", "app@blog.service")


def test_an_app_that_is_down_is_a_503_for_itself_alone(machine: Machine, blog: str, www: str) -> None:
    machine.admin("systemctl", "--user", "stop", "app@blog.socket", "app@blog.service")
    try:
        for path in ("?not=known", "wp-login.php", "a-pretty/page/"):
            answer = machine.get(f"{blog}{path}")
            assert answer.status == 503, path
            assert "Not available at the moment" in answer.body, path
        assert machine.get(www).status == 200
        assert machine.chainsaw("apply").code == 0
        assert machine.get(blog).status == 200, "apply starts what should run"
    finally:
        machine.admin("systemctl", "--user", "start", "app@blog.socket", "app@blog.service")


def cron(machine: Machine, name: str) -> str:
    """Return a property of the timer of WordPress."""
    return machine.admin("systemctl", "--user", "show", "-P", name, "app@blog.cron.timer").strip()


def test_what_a_timer_missed_while_the_host_was_off_is_known_afterwards(machine: Machine, blog: str) -> None:
    stamp = "/home/admin/.local/share/systemd/timers/stamp-app@blog.cron.timer"
    machine.admin("systemctl", "--user", "stop", "app@blog.cron.timer")
    machine.admin("touch", "--date=2026-01-02 03:04:05 UTC", stamp)
    machine.admin("systemctl", "--user", "start", "app@blog.cron.timer")
    assert cron(machine, "LastTriggerUSec"), "this old one, or already the one that makes up for it"
    # RandomizedDelaySec= of a timer of each minute is a minute at most, and how much of it depends on the machine.
    assert wait(lambda: "2026-01-02" not in cron(machine, "LastTriggerUSec"), 75), "it comes soon"
    assert [row for row in machine.json("inventory", "blog")["data"]["resources"] if row["path"] == stamp]


def test_the_timer_of_the_recipe_runs_and_does_not_start_over(machine: Machine, blog: str) -> None:
    assert "app@blog.cron.timer" in machine.admin("systemctl", "--user", "list-timers", "--no-pager", "--all")

    def stays() -> bool:
        due = cron(machine, "NextElapseUSecRealtime")
        machine.admin("systemctl", "--user", "daemon-reload")
        return bool(due) and cron(machine, "NextElapseUSecRealtime") == due

    # It has no next time while its service runs, and another once it has.
    assert wait(stays, 20)
    machine.admin("systemctl", "--user", "start", "app@blog.cron.service")
    assert "Result=success" in machine.admin("systemctl", "--user", "show", "-p", "Result", "app@blog.cron.service")
