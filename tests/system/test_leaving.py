"""Leaving: nothing of chainsaw is left but the admin's files and what somebody else may need; and coming back works."""

from __future__ import annotations

import pytest

from .machine import CONFIG, DATA, QUADLETS, STATE, UNITS, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

ETC = (
    "/etc/sysctl.d/50-chainsaw.conf",
    "/etc/systemd/journald.conf.d/50-chainsaw.conf",
    "/etc/systemd/system/chainsaw-connections.service",
    "/etc/systemd/system/nftables.service.d/50-chainsaw.conf",
)
PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


@pytest.fixture(scope="module")
def purged(machine: Machine) -> Machine:
    """A machine whose last instance was deleted; setup has named its ids before."""
    machine.admin("sudo", "chainsaw", "setup")
    assert "chainsaw-front" in machine.root("ls", "/etc/userdb")
    done = machine.chainsaw("uninstall", "--all", "--yes", code=1)
    assert "www is still there" in done.err
    assert machine.get("https://www.localhost/").status == 200
    machine.chainsaw("remove", "www", "--purge", "--no-backup", "--yes")
    return machine


def test_setup_is_not_undone_while_the_front_runs(purged: Machine) -> None:
    done = purged.try_admin("sudo", "chainsaw", "setup", "--undo")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("hint: as admin: chainsaw uninstall --all\n")
    assert purged.exists(ETC[0])


@pytest.fixture(scope="module")
def left(purged: Machine) -> Machine:
    purged.chainsaw("uninstall", "--all", "--yes")
    return purged


def test_nothing_runs_and_nothing_listens(left: Machine) -> None:
    shown = left.admin("systemctl", "--user", "list-units", "--all", "--plain", "--no-legend", "app@*", "chainsaw*")
    assert shown == ""
    assert left.admin("podman", "ps", "--all", "--quiet") == ""
    listening = left.root("ss", "-ltnH")
    assert ":80 " not in listening
    assert ":443 " not in listening


def test_nothing_is_left_but_the_admins_files(left: Machine) -> None:
    for place in (DATA, STATE, QUADLETS, f"{UNITS}/default.target.wants/chainsaw.target"):
        assert not left.exists(place), place
    assert left.admin("find", UNITS, "-lname", "*chainsaw*") == ""
    assert (
        left.admin("podman", "images", "--format", "{{.Repository}}", "--filter", "reference=localhost/chainsaw/*")
        == ""
    )
    assert left.exists(f"{CONFIG}/.git")


def test_a_dry_run_undoes_nothing(left: Machine) -> None:
    shown = left.admin("sudo", "chainsaw", "setup", "--undo", "--dry-run")
    assert f"would: remove {ETC[0]}\n" in shown
    assert "would: remove the name chainsaw-front of the id " in shown
    assert all(map(left.exists, ETC))


def test_what_setup_wrote_is_taken_back(left: Machine) -> None:
    shown = left.admin("sudo", "chainsaw", "setup", "--undo")
    assert "sudo loginctl disable-linger admin\n" in shown
    assert not any(map(left.exists, ETC))
    assert "chainsaw" not in left.root("ls", "/etc/userdb")
    assert "chainsaw" not in left.root("nft", "list", "tables")
    assert left.read(PORTS) == "1024\n"
    assert left.try_root("getent", "passwd", "chainsaw-front").code != 0
    assert left.admin("sudo", "chainsaw", "setup", "--undo").startswith("nothing to take back\n")


def test_who_comes_back_begins_as_at_first(left: Machine) -> None:
    left.admin("sudo", "chainsaw", "setup")
    left.verb("base")
    left.chainsaw("new", "static", "www", "--route", "https://www.localhost/")
    left.chainsaw("apply")
    # The authority is another one now.
    assert Machine(left.name).get("https://www.localhost/").status == 200
