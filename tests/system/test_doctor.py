"""doctor on a real host: no failure on a healthy one, and each problem with the command that fixes it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from .machine import CONFIG, DATA, STATE, Machine, wait
from .places import FULL, mounted

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WIDGET = "https://widget.localhost/"
CURRENT = f"{STATE}/generations/current"
KNOWN = {
    "user manager", "lingering", "subordinate ids", "storage driver", "journal", "low ports", "limits",
    "Podman", "systemd", "Python", "nginx", "git", "nftables", "names of ids", "clock", "memory", "swap",
    "memory limits", "memory pressure", "shared limits", "disk use of widget", "disk use of www",
    "generation", "last apply", "leftovers", "generated files", "units",
    "front socket", "limits of logs", "front",
    "http", "https", "socket of widget", "instance of widget", "instance of www", "certificate of widget.localhost",
    "certificate of www.localhost", "local authority", "DNS of widget.localhost", "DNS of www.localhost",
}  # fmt: skip
COUNTING = ("unshare", "newuidmap", "newgidmap", "timeout", "xargs", "stdbuf", "du")
OF_THE_HOST = {"limits", "clock", "memory pressure", "memory limits"}
"""Problems that a machine in a container inherits from its host."""


@pytest.fixture(autouse=True)
def widget(machine: Machine, www: str) -> Iterator[str]:
    """Each test begins and ends on a healthy host, with nothing left to do."""
    machine.declare("widget", "widget", text="The first text")
    machine.chainsaw("apply")
    yield WIDGET
    machine.declare("widget", "widget", text="The first text")
    machine.chainsaw("apply")
    assert machine.plan() == []
    assert not worse(machine)


def checks(machine: Machine, code: int | None = None) -> dict[str, dict[str, str]]:
    """Return the checks of doctor, by name."""
    done = machine.chainsaw("doctor", "--json", code=code)
    return {check["name"]: check for check in json.loads(done.out)["data"]["checks"]}


def worse(machine: Machine) -> dict[str, str]:
    """Return the checks that are not ok, except those inherited from the machine's host; nothing here is backed up."""
    beside = {*OF_THE_HOST, "backups"}
    return {
        name: check["found"] for name, check in checks(machine).items() if check["state"] != "ok" and name not in beside
    }


def reported(machine: Machine, name: str, state: str, found: str, hint: str) -> str:
    """Assert the result of one check; return its hint."""
    check = checks(machine, code=3 if state == "fail" else 0)[name]
    assert (check["state"], found in check["found"]) == (state, True), check
    assert check["hint"].startswith(hint), check
    return check["hint"]


def took(machine: Machine, verb: str) -> float:
    """Return the seconds that a command takes, when it is not held up."""
    spans = []
    for _ in range(3):
        began = time.monotonic()
        machine.chainsaw(verb, code=0)
        spans.append(time.monotonic() - began)
    return min(spans)


def repair(machine: Machine) -> list[str]:
    """Run doctor --fix, after which nothing fails; return what it did."""
    return list(machine.json("doctor", "--fix")["data"]["fixed"])


@pytest.fixture(scope="module", autouse=True)
def names(machine: Machine, www: str) -> None:
    """The names of ids come with a second setup, as apply says."""
    machine.root("rm", "-rf", "/etc/userdb")
    machine.declare("widget", "widget", text="The first text")
    machine.chainsaw("apply")
    reported(
        machine, "names of ids", "warn", "ps and ls show numbers for the ids of", "sudo chainsaw setup --user admin"
    )
    machine.admin("sudo", "chainsaw", "setup")


def test_on_a_healthy_host_no_check_fails(machine: Machine) -> None:
    found = checks(machine, code=0)
    assert found.keys() >= KNOWN, KNOWN - found.keys()
    assert "fail" not in {check["state"] for check in found.values()}
    assert found["nginx"]["found"].startswith("1.")
    assert found["journal"]["found"].endswith("of at most 524 MB")
    assert all(check["hint"] for check in found.values() if check["state"] == "warn")
    assert repair(machine) == []


def test_people_read_a_line_for_each(machine: Machine) -> None:
    shown = machine.chainsaw("doctor", code=0).out.splitlines()
    assert shown[0].split() == ["state", "what", "found"]
    assert {line.split()[0] for line in shown[1:-1]} <= {"ok", "warn", "unknown"}
    assert "checks: " in shown[-1]
    (instances,) = [line for line in shown if re.match(r"ok +instance of all \d+ ", line)]
    assert instances.endswith(": running")


def test_nothing_is_started_but_what_counts_the_disk_and_it_takes_about_a_second(machine: Machine) -> None:
    trace = f"{STATE}/trace"
    machine.admin("strace", "-f", "-qq", "-e", "trace=execve", "-o", trace, "chainsaw", "doctor")
    started = [line for line in machine.read(trace).splitlines() if "execve(" in line and " = 0" in line]
    machine.admin("rm", trace)
    # newuidmap(1) has no rights under strace, so du(1) is not reached.
    programs = {re.sub('".*', "", line.partition('execve("')[2]).rpartition("/")[2] for line in started}
    assert programs <= {"chainsaw", *COUNTING}, programs
    # Other work beside this one makes every command slow.
    assert took(machine, "doctor") < max(1.5, 3 * took(machine, "list"))


def test_lingering_that_is_off(machine: Machine) -> None:
    machine.root("rm", "/var/lib/systemd/linger/admin")
    hint = reported(machine, "lingering", "fail", "end at logout", "sudo loginctl enable-linger admin")
    machine.admin("sh", "-c", hint)


def test_ports_that_are_closed_to_users(machine: Machine) -> None:
    machine.root("sysctl", "-w", "net.ipv4.ip_unprivileged_port_start=1024")
    hint = reported(machine, "low ports", "fail", "port 80 is closed to ordinary users", "sudo chainsaw setup")
    machine.admin("sh", "-c", hint)


def test_ports_that_are_open_until_the_next_reboot_only(machine: Machine) -> None:
    machine.root("rm", "/etc/sysctl.d/50-chainsaw.conf")
    hint = reported(machine, "low ports", "warn", "only until the next reboot", "sudo chainsaw setup")
    machine.admin("sh", "-c", hint)


def test_a_journal_in_memory(machine: Machine) -> None:
    place = "/etc/systemd/journald.conf.d/60-own.conf"
    machine.root("sh", "-c", f"printf '[Journal]\\nStorage=volatile\\n' > {place}; systemctl restart systemd-journald")
    hint = reported(machine, "journal", "fail", f"(Storage=volatile in {place})", "sudo sed -i")
    machine.admin("sh", "-c", hint)
    assert "Storage" not in machine.root("cat", place), "the rest of it stays"
    assert checks(machine)["journal"]["state"] == "ok"
    machine.root("rm", place)


def test_a_journal_without_a_limit(machine: Machine) -> None:
    machine.root("rm", "/etc/systemd/journald.conf.d/50-chainsaw.conf")
    hint = reported(machine, "journal", "warn", "no limit is set", "sudo chainsaw setup")
    machine.admin("sh", "-c", hint)


def test_a_storage_driver_that_is_not_in_effect(machine: Machine) -> None:
    mark = "/home/admin/.local/share/containers/storage/overlay/.has-mount-program"
    kept = machine.read(mark)
    machine.write(mark, "false")
    reported(machine, "storage driver", "warn", "the images were stored by overlay", "podman system reset")
    machine.write(mark, kept)


def test_ranges_that_another_user_has_too(machine: Machine) -> None:
    machine.root("sh", "-c", "echo eve:196608:65536 >> /etc/subuid")
    reported(machine, "subordinate ids", "fail", "overlap those of eve", "sudo usermod --del-subuids 196608-262143 eve")
    machine.root("sed", "-i", "/^eve:/d", "/etc/subuid")


@pytest.mark.parametrize("place", [STATE, DATA])
def test_a_disk_that_is_full(machine: Machine, place: str) -> None:
    with mounted(machine, place, FULL):
        found = checks(machine, code=3)
        low = [check for name, check in found.items() if name.startswith("disk of") and check["state"] == "fail"]
        assert [place in check["found"] for check in low] == [True], found
        assert low[0]["hint"].startswith("podman image prune")


def test_an_instance_with_more_on_the_disk_than_is_expected(machine: Machine) -> None:
    assert checks(machine)["disk use of widget"]["state"] == "ok"
    machine.append("widget", "disk: 1M")
    machine.chainsaw("apply")
    machine.inside("widget.app", "sh", "-c", "cd /srv/data; head -c 2000000 /dev/urandom > big; touch $(seq 100)")
    hint = reported(machine, "disk use of widget", "warn", "it has 2.", "chainsaw inventory widget; if that is right: ")
    assert "files where 64 are expected" in checks(machine)["disk use of widget"]["found"]
    machine.chainsaw(*hint.rpartition("chainsaw ")[2].split())
    machine.chainsaw("apply")
    assert checks(machine)["disk use of widget"]["state"] == "ok"
    machine.inside("widget.app", "sh", "-c", "cd /srv/data; rm big $(seq 100)")


def test_what_one_takes_of_what_is_shared_is_seen(machine: Machine) -> None:
    hold = "open($held[$_], '+<', '/dev/ptmx') for 1 .. 50; sleep 15"
    before = checks(machine)["shared limits"]
    assert before["state"] in ("ok", "warn")
    assert terminals(before["found"]) < 40
    machine.admin("systemd-run", "--user", "--unit=holding", "podman", "exec", "widget.app", "perl", "-e", hold)
    try:
        assert wait(lambda: terminals(checks(machine)["shared limits"]["found"]) >= 50, 20)
    finally:
        machine.try_admin("systemctl", "--user", "stop", "holding")


def terminals(found: str) -> int:
    return int(re.findall(r"terminals (\d+) of", found)[0])


def test_a_socket_that_is_stopped(machine: Machine) -> None:
    machine.admin("systemctl", "--user", "stop", "app@widget.socket", "app@widget.service")
    reported(machine, "socket of widget", "fail", "app@widget.socket is inactive", "chainsaw doctor --fix")
    reported(
        machine, "instance of widget", "fail", "stopped, although its file does not say so", "chainsaw doctor --fix"
    )
    assert "started app@widget.socket" in repair(machine)
    assert machine.get(WIDGET).body == "The first text\n"


def test_a_sleeping_instance_is_ok_and_stays_asleep(machine: Machine) -> None:
    machine.declare("gadget", "gadget")
    machine.append("gadget", "sleep: 4s")
    machine.chainsaw("apply")
    try:
        assert wait(lambda: checks(machine)["instance of gadget"]["found"] == "asleep", 40)
        found = checks(machine, code=0)
        assert (found["socket of gadget"]["state"], found["instance of gadget"]["state"]) == ("ok", "ok")
        assert repair(machine) == []
        assert checks(machine)["instance of gadget"]["found"] == "asleep"
    finally:
        machine.purge("gadget")


def test_a_front_that_is_stopped(machine: Machine, www: str) -> None:
    machine.admin("systemctl", "--user", "stop", "chainsaw-front.socket", "chainsaw-front.service")
    found = checks(machine, code=3)
    wrong = {name for name, check in found.items() if check["state"] == "fail"}
    assert wrong >= {"front socket", "front", "http", "https"}
    assert found["http"]["found"] == "port 80 does not answer: [Errno 111] Connection refused"
    assert found["certificate of www.localhost"]["state"] == "ok", "its record speaks for it"
    assert "started chainsaw-front.socket" in repair(machine)
    assert machine.get(www).status == 200


def test_a_unit_that_has_failed(machine: Machine) -> None:
    machine.try_admin("systemd-run", "--user", "--unit=chainsaw-broken", "--wait", "false")
    reported(machine, "units", "fail", "failed: chainsaw-broken.service (exit-code)", "systemctl --user status")
    assert repair(machine) == ["reset the failed state of chainsaw-broken.service"]


def test_a_file_that_was_edited(machine: Machine) -> None:
    file = f"{CURRENT}/quadlets/app@widget.container"
    kept = machine.read(file)
    machine.write(file, f"{kept}# my own line\n")
    reported(
        machine, "generated files", "warn", "edited by hand: quadlets/app@widget.container", "chainsaw plan shows it"
    )
    assert repair(machine) == []
    assert "# my own line" in machine.read(file), "whoever wrote it decides"
    machine.write(file, kept)


def test_what_a_crash_left(machine: Machine) -> None:
    number, volume = machine.generation(), f"{DATA}/instances/widget/volumes/lost.partial"
    machine.write(f"{CONFIG}/instances/widget.yaml.partial", "recipe: wid")
    machine.admin("ln", "-s", "999", f"{STATE}/generations/current.partial")
    machine.admin("mkdir", "-p", f"{STATE}/generations/999/units", f"{DATA}/static/half.partial")
    machine.root("mkdir", volume)
    machine.root("touch", f"{volume}/file")
    owner = machine.block("widget") + 1000
    machine.root("chown", "-R", f"{owner}:{owner}", volume)
    machine.admin("sh", "-c", f"""echo '{{"format": 1, "event": "begin"}}' >> {STATE}/journal""")
    reported(machine, "last apply", "fail", "was interrupted", "chainsaw apply, or chainsaw doctor --fix")
    left = checks(machine)["leftovers"]
    assert (left["state"], left["hint"]) == ("warn", "chainsaw doctor --fix")
    done = repair(machine)
    assert "removed generation 999, which never became current" in done
    assert f"removed {DATA}/static/half.partial" in done
    assert f"finished generation {number}" in done
    assert not machine.exists(f"{CONFIG}/instances/widget.yaml.partial")
    assert not machine.exists(f"{STATE}/generations/999")
    assert machine.exists(f"{volume}/file"), "what may be data is never deleted"
    hint = reported(machine, "leftovers of data", "warn", volume, f"podman unshare rm -r {volume}")
    machine.admin("sh", "-c", hint.partition(",")[0])
    assert not machine.exists(volume)


def test_another_command_that_is_running(machine: Machine) -> None:
    machine.declare("widget", "widget", behaviour="slow")
    other = machine.begin("chainsaw", "apply")
    try:
        assert wait(lambda: checks(machine)["last apply"]["state"] == "unknown", 30)
        check = checks(machine)["leftovers"]
        assert (check["state"], check["hint"]) == ("unknown", "chainsaw doctor, when it is done")
    finally:
        other.communicate(timeout=120)


def test_a_certificate_that_ends_tomorrow(machine: Machine) -> None:
    record = f"{DATA}/front/issued/widget.localhost.json"
    content = json.loads(machine.read(record))
    tomorrow = datetime.now(UTC) + timedelta(hours=30)
    until = tomorrow.timestamp()
    machine.write(record, json.dumps({**content, "not_before": until - 397 * 86400, "not_after": until}))
    reported(machine, "certificate of widget.localhost", "fail", "valid for 1 d more only", "chainsaw cert renew")
    assert "issued a certificate for widget.localhost" in repair(machine)


def test_missing_data_is_not_replaced(machine: Machine) -> None:
    place = f"{DATA}/instances/widget/volumes/data"
    machine.root("mv", place, f"{place}.aside")
    reported(machine, "instance of widget", "fail", f"missing: {place}", "find or restore its data")
    done = machine.json("doctor", "--fix", code=3)["data"]["fixed"]
    assert f"skipped widget: {place} is missing" in done
    assert not machine.exists(place)
    machine.root("mv", f"{place}.aside", place)


ANSWERING = r"""
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
while True:
    asked, peer = server.recvfrom(512)
    end = asked.index(b"\0", 12) + 5
    record = b""
    if asked[end - 4 : end - 2] == b"\0\1":
        record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(sys.argv[1])
    counts = bytes([0, 1, 0, bool(record), 0, 0, 0, 0])
    server.sendto(asked[:2] + b"\x81\x80" + counts + asked[12:end] + record, peer)
"""
"""A resolver that has an A record for every name, and no AAAA (RFC 1035, 4.1)."""


@contextmanager
def resolver(machine: Machine, address: str) -> Iterator[None]:
    """Let the machine's resolver be another one; with an address, one that answers with it whatever is asked."""
    kept = machine.root("cat", "/etc/resolv.conf")
    server = "127.0.0.1" if address else "192.0.2.1"
    if address:
        machine.root("systemd-run", "--unit=test-resolver", "python3", "-c", ANSWERING, address)
    machine.root("sh", "-c", "cat > /etc/resolv.conf", stdin=f"nameserver {server}\n")
    try:
        yield
    finally:
        machine.root("sh", "-c", "cat > /etc/resolv.conf", stdin=kept)
        if address:
            machine.root("systemctl", "stop", "test-resolver")


@pytest.fixture
def public(machine: Machine) -> str:
    machine.declare("widget", "widget", "https://widget.example.org/", text="The first text")
    machine.chainsaw("apply")
    return "DNS of widget.example.org"


def test_a_name_that_points_to_this_host(machine: Machine, public: str) -> None:
    with resolver(machine, machine.address):
        assert wait(lambda: checks(machine)[public]["state"] == "ok", 5), checks(machine)[public]
        assert checks(machine)[public]["found"] == f"points to this host: {machine.address}"


def test_a_name_that_points_elsewhere(machine: Machine, public: str) -> None:
    """Without a public address of its own the host may be behind NAT; with one it is not."""
    with resolver(machine, "198.51.100.7"):
        assert wait(lambda: "198.51.100.7" in checks(machine)[public]["found"], 5)
        reported(machine, public, "unknown", "its own addresses are private", "from elsewhere: curl")
        machine.root("ip", "address", "add", "203.0.113.5/32", "dev", "lo")
        try:
            hint = f"at your DNS provider, set {public.rpartition(' ')[2]} A 203.0.113.5"
            reported(machine, public, "fail", "A 198.51.100.7: that is not this host", hint)
        finally:
            machine.root("ip", "address", "del", "203.0.113.5/32", "dev", "lo")


def test_a_name_that_only_this_host_knows(machine: Machine, public: str) -> None:
    machine.root("sh", "-c", f"echo {machine.address} widget.example.org >> /etc/hosts")
    reported(machine, public, "unknown", "the public DNS records are not known", "elsewhere: getent ahosts")
    machine.root("sh", "-c", "sed /widget.example.org/d /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts")


def test_a_resolver_that_does_not_answer_is_not_waited_for(machine: Machine, public: str) -> None:
    with resolver(machine, ""):
        began = time.monotonic()
        reported(machine, public, "unknown", "the resolver does not answer", "getent ahosts")
        assert time.monotonic() - began < 4


def test_root_is_refused(machine: Machine) -> None:
    done = machine.try_admin("sudo", "chainsaw", "doctor")
    assert done.code == 2
    assert "chainsaw doctor, without sudo" in done.err
