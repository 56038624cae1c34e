"""Every check of doctor in each of its states, with its finding and the command that fixes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chainsaw.checks import host as host_checks
from chainsaw.checks import network, resources
from chainsaw.checks import site as site_checks
from chainsaw.checks.check import Check, in_short, some, summary
from chainsaw.checks.observed import (
    Addresses,
    Clock,
    IdNames,
    ImageStore,
    JournalStore,
    Leftovers,
    PlainAnswer,
    Resolved,
    ShownCertificate,
    Space,
    Taken,
)
from chainsaw.errors import Diagnostic
from chainsaw.model.block import SIZE
from chainsaw.model.tls import is_local
from chainsaw.plan.observed import EMPTY, UnitDetails

ACTIVE, INACTIVE = UnitDetails("active", "running"), UnitDetails("inactive", "dead")
FAILED = UnitDetails("failed", "failed", result="exit-code")
DAY = 86400.0
NOW = 1_800_000_000.0


def assert_check(check, state, *words, hint=""):
    """Assert the state of a check, words of its finding, and the beginning of its hint."""
    assert check.state == state, check
    for word in words:
        assert word in check.found, check
    assert check.hint.startswith(hint), check
    assert bool(check.hint) <= (state != "ok"), "a check that is ok has no fix"


# What setup prepares


@pytest.mark.parametrize(
    ("lingers", "state", "word", "hint"),
    [
        (True, "ok", "on: the services of admin", ""),
        (False, "fail", "off: the services of admin end at logout", "sudo loginctl enable-linger admin"),
        (None, "unknown", "cannot be read", "loginctl show-user admin"),
    ],
)
def test_lingering(lingers, state, word, hint):
    assert_check(host_checks.lingering("admin", lingers), state, word, hint=hint)


def test_the_user_manager():
    assert_check(host_checks.user_manager(None), "ok", "answers")
    problem = Diagnostic("no-user-manager", "it does not answer: gone", hint="log in")
    assert_check(host_checks.user_manager(problem), "fail", "it does not answer: gone", hint="log in")


WIDE = f"admin:100000:65536\nadmin:{8 * SIZE}:{64 * SIZE}\n"


@pytest.mark.parametrize(
    ("subuid", "recorded", "state", "word", "hint"),
    [
        (WIDE, {"front": 8 * SIZE}, "ok", "1 of 64 blocks are in use", ""),
        (
            f"admin:{8 * SIZE}:{4 * SIZE}",
            {"front": 8 * SIZE, "blog": 9 * SIZE},
            "warn",
            "2 of 4 blocks are in use, of 65536 ids each: few are left",
            "sudo chainsaw setup --user admin --blocks +64",
        ),
        ("", {}, "fail", "admin has no block of 65536 subordinate ids for front", "sudo chainsaw setup"),
        ("1000:524288:4194304", {}, "ok", "0 of 64", ""),
        (WIDE, {"blog": 4 * SIZE}, "fail", "of blog are no longer admin's", "sudo usermod --add-subuids 262144-"),
        (WIDE, {"a": 8 * SIZE, "b": 8 * SIZE}, "fail", "a and b are recorded with the same ids", "restore one"),
        (
            f"{WIDE}eve:{9 * SIZE}:65536\n",
            {},
            "fail",
            "overlap those of eve",
            f"sudo usermod --del-subuids {9 * SIZE}-",
        ),
        (None, {}, "unknown", "/etc/subuid cannot be read", "ls -l /etc/subuid"),
        (WIDE, None, "unknown", "the records of the blocks cannot be read", "ls -l"),
    ],
)
def test_subordinate_ids(subuid, recorded, state, word, hint):
    texts = {"/etc/subuid": subuid, "/etc/subgid": None if subuid is None else subuid}
    assert_check(host_checks.subordinate_ids("admin", 1000, texts, recorded), state, word, hint=hint)


FUSE = '[storage]\ndriver = "overlay"\n[storage.options.overlay]\nmount_program = "/usr/bin/fuse-overlayfs"\n'
NATIVE = '[storage]\ndriver = "overlay"\n'
OVERLAY = frozenset({"overlay"})


@pytest.mark.parametrize(
    ("chosen", "store", "state", "word", "hint"),
    [
        (FUSE, ImageStore(OVERLAY, "true"), "ok", "fuse-overlayfs, configured and in use", ""),
        (NATIVE, ImageStore(OVERLAY, "false\n"), "ok", "overlay, configured and in use", ""),
        ('[storage]\ndriver = "btrfs"', ImageStore(frozenset({"btrfs"})), "ok", "btrfs, configured and in use", ""),
        (FUSE, ImageStore(), "ok", "there is no image yet", ""),
        (None, ImageStore(), "fail", "none is configured", "sudo chainsaw setup --user admin"),
        ("[storage", ImageStore(), "fail", "storage.conf cannot be read", "mv ~/.config/containers/storage.conf"),
        (
            NATIVE,
            ImageStore(OVERLAY, "true"),
            "warn",
            "the images were stored by fuse-overlayfs",
            "podman system reset",
        ),
        (FUSE, ImageStore(OVERLAY, "false"), "warn", "the images were stored by overlay", "podman system reset"),
        (FUSE, ImageStore(frozenset({"vfs"})), "warn", "the images were stored by vfs", "podman system reset"),
        (FUSE, ImageStore(OVERLAY), "unknown", "which driver stored", "podman info"),
    ],
)
def test_the_storage_driver(chosen, store, state, word, hint):
    assert_check(host_checks.storage_driver(chosen, store, True, "admin"), state, word, hint=hint)


def test_a_storage_driver_that_is_not_installed():
    found = host_checks.storage_driver(FUSE, ImageStore(OVERLAY, "true"), False, "admin")
    assert_check(
        found,
        "fail",
        "/usr/bin/fuse-overlayfs is configured, but not installed",
        hint="sudo apt install fuse-overlayfs",
    )


OURS = (host_checks.SETUP_FILE, "[Journal]\nStorage=persistent\nSystemMaxUse=500M\n")
ON_DISK = JournalStore(True, False, 16_000_000)


@pytest.mark.parametrize(
    ("files", "store", "state", "word", "hint"),
    [
        ((OURS,), ON_DISK, "ok", "on disk, 16 MB of at most 524 MB", ""),
        ((), ON_DISK, "warn", "no limit is set", "sudo chainsaw setup"),
        ((("a", "[Journal]\nSystemMaxUse=\n"),), ON_DISK, "warn", "no limit is set", "sudo chainsaw setup"),
        ((("a", "[Other]\nSystemMaxUse=1G\n"),), ON_DISK, "warn", "no limit is set", "sudo chainsaw setup"),
        ((), JournalStore(False, True, 0), "fail", "not kept on the disk: it is lost", "sudo chainsaw setup"),
        ((OURS,), JournalStore(True, True, 1), "fail", "Storage=persistent", "sudo systemctl restart systemd-journald"),
        (
            (OURS, ("/etc/x/60.conf", "[Journal]\nStorage = volatile\n")),
            ON_DISK,
            "fail",
            "(Storage=volatile in /etc/x/60.conf)",
            "sudo sed -i /^Storage=/d /etc/x/60.conf; sudo systemctl restart",
        ),
        ((("/etc/j.conf", "[Journal]\nStorage=none"),), ON_DISK, "fail", "Storage=none", "sudo chainsaw setup"),
        ((OURS,), None, "unknown", "/var/log/journal cannot be read", "journalctl --disk-usage"),
    ],
)
def test_the_journal(files, store, state, word, hint):
    assert_check(host_checks.journal(files, store), state, word, hint=hint)


KEY = "net.ipv4.ip_unprivileged_port_start"


@pytest.mark.parametrize(
    ("ports", "lowest", "files", "state", "word"),
    [
        ((80, 443), 80, (("f", f"{KEY} = 80\n"),), "ok", "open to ordinary users from 80 on"),
        ((80, 443), 0, (("f", f"-{KEY.replace('.', '/')}=0\n"),), "ok", "from 0 on"),
        ((8080, 8443), 1024, (), "ok", "from 1024 on"),
        ((80, 443), 80, (), "warn", "only until the next reboot"),
        ((80, 443), 80, (("a", f"{KEY}=80"), ("b", f"{KEY}=1024")), "warn", "only until the next reboot"),
        ((80, 443), 1024, (), "fail", f"port 80 is closed to ordinary users: {KEY} is 1024"),
        ((80, 443), None, (), "unknown", f"{KEY} cannot be read"),
    ],
)
def test_low_ports(ports, lowest, files, state, word):
    hint = {"ok": "", "unknown": "sysctl"}.get(state, "sudo chainsaw setup")
    assert_check(host_checks.low_ports(ports, lowest, files), state, word, hint=hint)


@pytest.mark.parametrize(
    ("drop_in", "state", "word"),
    [
        ("[Slice]\nSocketBindDeny=tcp:80\nSocketBindDeny=tcp:443\n", "ok", "denies 80 and 443"),
        ("[Slice]\nSocketBindDeny=tcp:80\n", "warn", "any user of this host"),
        (None, "warn", "any user of this host"),
    ],
)
def test_reserved_ports(drop_in, state, word):
    hint = "" if state == "ok" else "sudo chainsaw setup"
    assert_check(host_checks.reserved_ports(drop_in), state, word, hint=hint)


def test_connections():
    assert_check(host_checks.connections(True), "ok", "cannot hold all")
    assert_check(host_checks.connections(False), "warn", "keep others out", hint="sudo chainsaw setup")


@pytest.mark.parametrize(
    ("delegated", "kernel", "in_container", "state", "word", "hint"),
    [
        ("cpu memory pids\n", "cpu memory pids", False, "ok", "controllers cpu, memory, pids", ""),
        (
            "cpu pids",
            "cpu memory pids",
            False,
            "warn",
            "those of memory do not work",
            "sudo systemctl edit user@.service",
        ),
        ("cpu", "cpu pids", False, "warn", "those of memory and pids do not work", "boot with the kernel parameters"),
        ("", "", True, "warn", "those of memory and pids do not work", "the host of this container"),
        ("", None, True, "warn", "those of memory and pids do not work", "sudo systemctl edit user@.service"),
        (None, "memory pids", False, "unknown", "the control group of the user manager cannot be read", "cat /sys"),
    ],
)
def test_limits(delegated, kernel, in_container, state, word, hint):
    assert_check(host_checks.controllers(delegated, kernel, in_container), state, word, hint=hint)


def test_versions():
    assert_check(host_checks.version("Podman", (5, 4), (5, 4), "upgrade", "look"), "ok", "5.4")
    old = host_checks.version("nginx", (1, 22, 1), (1, 25, 1), "upgrade", "look")
    assert_check(old, "fail", "1.22.1 is older than 1.25.1", hint="upgrade")
    unknown = host_checks.version("systemd", None, (254,), "upgrade", "look")
    assert_check(unknown, "unknown", "254 or later is needed", hint="look")


def test_git():
    assert_check(host_checks.git(True), "ok", "installed")
    assert_check(
        host_checks.git(False), "warn", "the history has only the last generations", hint="sudo apt install git"
    )


def test_nftables():
    assert_check(host_checks.nftables(True), "ok", "installed")
    found = "no image is built, and what may reach the internet does not start"
    assert_check(host_checks.nftables(False), "fail", found, hint="sudo apt install nftables")


def test_names_of_ids():
    both = {"front": "chainsaw-front-root", "blog": "chainsaw-blog-root"}
    assert_check(host_checks.names_of_ids(IdNames(both), "admin"), "ok", "names for the ids of blog, front")
    assert_check(host_checks.names_of_ids(IdNames({}), "admin"), "ok", "no instance has ids yet")
    assert_check(host_checks.names_of_ids(None, "admin"), "unknown", "the ids cannot be read", hint="getent passwd")
    missing = IdNames({**both, "blog": None})
    assert_check(
        host_checks.names_of_ids(missing, "admin"),
        "warn",
        "show numbers for the ids of blog",
        hint="sudo chainsaw setup",
    )
    without = replace(missing, by_systemd=False)
    assert_check(
        host_checks.names_of_ids(without, "admin"), "warn", "libnss-systemd", hint="sudo apt install libnss-systemd"
    )


# What is scarce


@pytest.mark.parametrize(
    ("seen", "state", "word", "hint"),
    [
        (Clock(NOW, 0.012), "ok", "synchronised, wrong by at most 12 ms", ""),
        (Clock(NOW, 16.0), "warn", "not synchronised", "sudo apt install systemd-timesyncd"),
        (Clock(NOW, 16.0, in_container=True), "warn", "not synchronised", "on the host of this container"),
        (Clock(NOW, None), "unknown", "does not report whether", "timedatectl"),
        (Clock(NOW, 0.0, NOW + 3 * DAY), "fail", "3 d behind the time of the last apply", "sudo timedatectl"),
        (Clock(NOW, 0.0, NOW + 30), "ok", "synchronised", ""),
    ],
)
def test_the_clock(seen, state, word, hint):
    assert_check(resources.clock(seen), state, word, hint=hint)


ROOMY = Space(("data", "images"), "/", 100_000_000_000, 40_000_000_000, 1_000_000, 900_000)


@pytest.mark.parametrize(
    ("changes", "state", "word"),
    [
        ({}, "ok", "40 GB of 100 GB free at /"),
        ({"inodes": 0, "inodes_free": 0}, "ok", "40 GB of 100 GB free at /"),
        ({"free": 1_500_000_000}, "warn", "1.5 GB of 100 GB free at /"),
        ({"free": 100_000_000}, "fail", "100 MB of 100 GB free at /"),
        ({"inodes_free": 30_000}, "warn", "and 30000 of 1000000 inodes"),
        ({"inodes_free": 9_000}, "fail", "and 9000 of 1000000 inodes"),
    ],
)
def test_the_disk(changes, state, word):
    check = resources.space(replace(ROOMY, **changes))
    assert_check(check, state, word, hint="" if state == "ok" else "podman image prune")
    assert check.name == "disk of data and images"


SHARED = [
    Taken("keys", 36, 200, "kernel.keys.maxkeys"),
    Taken("terminals", 0, 3072, "kernel.pty.max"),
    Taken("processes and threads", 312, 5000, "TasksMax of user-1000.slice"),
]


def with_used(number, used):
    return [replace(item, used=used) if at == number else item for at, item in enumerate(SHARED)]


def test_what_the_kernel_gives_to_all_together():
    found = "taken by all together: keys 36 of 200, terminals 0 of 3072, processes and threads 312 of 5000"
    assert_check(resources.shared_limits(SHARED), "ok", found)
    assert_check(resources.shared_limits(with_used(1, 2457)), "ok", "terminals 2457 of 3072")


def test_a_shared_limit_that_is_nearly_reached_and_how_it_is_raised():
    check = resources.shared_limits(with_used(1, 2458))
    assert_check(check, "warn", "nearly used up, by all together: terminals 2458 of 3072")
    assert check.hint == (
        "echo kernel.pty.max=6144 | sudo tee /etc/sysctl.d/60-kernel-pty-max.conf; sudo sysctl --system"
    )
    check = resources.shared_limits(with_used(2, 4900))
    assert check.hint == "chainsaw top; then sudo systemctl set-property user-1000.slice TasksMax=10000"


@pytest.mark.parametrize("unread", [{"used": None}, {"limit": None}, {"limit": 0}])
def test_a_shared_limit_that_cannot_be_read_is_unknown(unread):
    found = [replace(SHARED[0], **unread), *SHARED[1:]]
    assert_check(resources.shared_limits(found), "unknown", "cannot be read: keys", hint="ls /proc/sys/kernel")


MEMINFO = "MemTotal: {} kB\nMemAvailable:   {} kB\nSwapTotal: {} kB\nSwapFree: {} kB\n"
CALM = "some avg10=9.00 avg60=0.40 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.10 avg300=0.00 total=0\n"
GIGA = 1_000_000


def memory(total=4, available=2, swap=2, free=1.0, pressure=CALM, limits=None):
    text = MEMINFO.format(total * GIGA, int(available * GIGA), swap * GIGA, int(free * GIGA))
    return {check.name: check for check in resources.memory(text, pressure, limits or {})}


def test_memory():
    assert_check(memory()["memory"], "ok", "2.0 GB of 4.1 GB available")
    assert_check(memory(available=0.3)["memory"], "warn", "of 4.1 GB available", hint="chainsaw list")
    assert_check(memory(available=0.1)["memory"], "fail", "of 4.1 GB available", hint="chainsaw list")
    (unknown, pressure) = resources.memory(None, None, {})
    assert_check(unknown, "unknown", "/proc/meminfo cannot be read", hint="free -h")
    assert_check(pressure, "unknown", "the kernel does not measure it", hint="boot with")
    assert_check(next(resources.memory("MemTotal: 4 kB", CALM, {})), "unknown", "does not report how much is available")


def test_swap():
    assert_check(memory()["swap"], "ok", "1.0 GB of 2.0 GB free")
    assert_check(memory(swap=0, free=0)["swap"], "ok", "none")
    assert_check(memory(free=0.1)["swap"], "warn", "102 MB of 2.0 GB free", hint="chainsaw list")


def test_the_memory_limits_of_all_instances_together():
    assert_check(memory(limits={"a": 2**30, "b": 2**30})["memory limits"], "ok", "add up to 2.1 GB, of 6.1 GB")
    assert_check(memory(limits={"a": 2**33})["memory limits"], "warn", "the kernel kills a process", hint="more swap")
    assert_check(memory(limits={"a": None, "b": 1})["memory limits"], "warn", "none for a", hint="memory: in the file")
    unread = {check.name: check for check in resources.memory(MEMINFO.format(4, 2, 2, 1), CALM, None)}
    assert_check(unread["memory limits"], "unknown", "the limits cannot be read", hint="systemd-cgtop")


def test_memory_pressure():
    assert_check(memory()["memory pressure"], "ok", "0 % of the last minute some process waited")
    waiting = CALM.replace("avg60=0.40", "avg60=31.00")
    assert_check(memory(pressure=waiting)["memory pressure"], "warn", "31 % of the last minute", hint="chainsaw list")
    stalled = waiting.replace("avg60=0.10", "avg60=12.00")
    assert_check(memory(pressure=stalled)["memory pressure"], "fail", "in 12 % all of them", hint="chainsaw list")
    assert_check(memory(pressure=None)["memory pressure"], "unknown", "does not measure it", hint="boot with")
    assert_check(memory(pressure="nonsense")["memory pressure"], "unknown", "unknown format")


# What is applied


def test_the_generation():
    assert_check(site_checks.generation(7, None, "", []), "ok", "7 is current")
    assert_check(site_checks.generation(0, None, "", []), "ok", "nothing is applied yet")
    assert_check(
        site_checks.generation(0, None, "", ["blog"]),
        "warn",
        "nothing is applied yet; declared: blog",
        hint="chainsaw apply",
    )
    problem = Diagnostic("bad-manifest", "not a manifest", "/m.json", hint="restore it")
    assert_check(
        site_checks.generation(7, problem, "", []),
        "fail",
        "7 cannot be read: /m.json: not a manifest",
        hint="restore it",
    )
    assert_check(site_checks.generation(7, problem, "ln -sfn 6 x", []), "fail", "7 cannot be read", hint="ln -sfn 6 x")


def test_leftovers_of_a_crash():
    last, left = site_checks.leftovers(Leftovers())
    assert_check(last, "ok", "finished")
    assert_check(left, "ok", "none")
    last, left, others = site_checks.leftovers(Leftovers(True, (8,), ("/a.partial",), ("/v/data.partial",)))
    assert_check(last, "fail", "was interrupted", hint="chainsaw apply, or chainsaw doctor --fix")
    assert_check(left, "warn", "/a.partial, generation 8, never current", hint="chainsaw doctor --fix")
    assert_check(others, "warn", "never finished: /v/data.partial", hint="podman unshare rm -r /v/data.partial")
    for check in site_checks.leftovers(Leftovers(True, (8,), holder="chainsaw apply (process 7)")):
        assert_check(check, "unknown", hint="chainsaw doctor, when it is done")
    for check in site_checks.leftovers(None):
        assert_check(check, "unknown", "cannot be read", hint="ls -l")


def test_leftovers_of_volumes_are_a_check_of_their_own():
    _, others = site_checks.leftovers(Leftovers(others=("/v/data.partial",)))
    assert others.name == "leftovers of data"
    assert_check(others, "warn", "never finished", hint="podman unshare")
    assert "--fix" not in others.hint, "it deletes no data"


def test_generated_files():
    assert_check(site_checks.generated_files([]), "ok", "as they were written")
    edited = site_checks.generated_files(["units/a", "units/b", "units/c", "units/d"])
    assert_check(edited, "warn", "edited by hand: units/a, units/b, units/c and 1 more", hint="chainsaw plan shows it")
    assert_check(site_checks.generated_files(None), "unknown", "cannot be read", hint="chainsaw plan")


@pytest.fixture
def manifest(goldens):
    """A site with a front, and an instance with a socket, a gate and a timer or so."""
    return goldens["asleep"].manifest


@pytest.fixture
def units(manifest):
    """All units of the site, up."""
    names = {"chainsaw-front.socket", "chainsaw-front.service", "chainsaw-logs.service"}
    for item in manifest.instances.values():
        names |= {one.unit for one in (*item.services, item.gate, item.socket, *item.timers) if one}
    return dict.fromkeys(names, ACTIVE)


def named(checks, name):
    return next(check for check in checks if check.name == name)


def test_the_front_socket_and_the_sockets_of_instances(manifest, units):
    assert {check.state for check in site_checks.listening(manifest, units)} == {"ok"}
    fallen = {**units, "chainsaw-front.socket": FAILED, "app@feeds.socket": INACTIVE, "chainsaw-logs.service": FAILED}
    found = list(site_checks.listening(manifest, fallen))
    hint = "chainsaw doctor --fix, or systemctl --user start "
    assert_check(
        named(found, "front socket"), "fail", "chainsaw-front.socket is failed", hint=f"{hint}chainsaw-front.socket"
    )
    logs = "chainsaw-logs.service"
    assert_check(named(found, "limits of logs"), "fail", f"{logs} is failed", hint=f"{hint}{logs}")
    assert_check(
        named(found, "socket of feeds"), "fail", "app@feeds.socket is inactive", hint=f"{hint}app@feeds.socket"
    )
    assert {check.state for check in site_checks.listening(manifest, None)} == {"unknown"}
    assert {check.state for check in site_checks.listening(manifest, {})} == {"fail"}
    assert list(site_checks.listening(EMPTY, units)) == []


def test_timers_and_mail_sockets_are_checked_like_sockets(goldens):
    found = list(site_checks.listening(goldens["mail"].manifest, {}))
    assert named(found, "timer of blog").found == "app@blog.cron.timer is inactive"
    assert named(found, "mail socket of blog").found == "app@blog.mail.socket is inactive"
    topics = [check.topic for check in found]
    assert topics == sorted(topics, key=("front socket", "limits of logs", "socket", "timer", "mail socket").index)


def test_an_instance_that_is_stopped_by_its_file_needs_no_socket(manifest, units):
    stopped = manifest.model_copy(
        update={"instances": {"feeds": manifest.instances["feeds"].model_copy(update={"serving": "stopped"})}}
    )
    assert [check.name for check in site_checks.listening(stopped, {})] == ["front socket", "limits of logs"]
    assert_check(next(site_checks.instances(stopped, {}, {})), "ok", "stopped")


def test_instances(manifest, units):
    def seen(**changes):
        return next(
            iter(site_checks.instances(manifest, {**units, **{f"app@feeds.{k}": v for k, v in changes.items()}}, {}))
        )

    assert_check(seen(), "ok", "running")
    asleep = {unit: INACTIVE if unit.endswith(".service") else item for unit, item in units.items()}
    assert_check(next(iter(site_checks.instances(manifest, asleep, {}))), "ok", "asleep")
    assert_check(seen(service=FAILED), "fail", "failed", hint="chainsaw logs feeds")
    assert_check(
        seen(socket=INACTIVE), "fail", "stopped, although its file does not say so", hint="chainsaw doctor --fix"
    )
    assert_check(seen(service=UnitDetails("activating", "start")), "warn", "starting", hint="chainsaw status feeds")
    assert_check(seen(service=replace(ACTIVE, restarts=9)), "warn", "restarted 9 times", hint="chainsaw logs feeds")
    assert_check(next(iter(site_checks.instances(manifest, None, {}))), "unknown", "does not answer")
    gone = next(iter(site_checks.instances(manifest, units, {"feeds": ["/data/feeds"]})))
    assert_check(
        gone, "fail", "missing: /data/feeds; an apply would create it again, empty", hint="find or restore its data"
    )


def test_failed_units(units):
    assert_check(site_checks.failed_units(units), "ok", "none failed")
    found = site_checks.failed_units({**units, "app@feeds.service": FAILED})
    assert_check(
        found, "fail", "failed: app@feeds.service (exit-code)", hint="systemctl --user status app@feeds.service"
    )
    assert_check(site_checks.failed_units(None), "unknown", "does not answer", hint="systemctl --user --failed")


def test_the_front(manifest, units):
    assert_check(next(site_checks.front(manifest, units)), "ok", "running")
    down = next(site_checks.front(manifest, {**units, "chainsaw-front.service": FAILED}))
    assert_check(down, "fail", "chainsaw-front.service is failed", hint="journalctl --user -u chainsaw-front.service")
    assert_check(next(site_checks.front(manifest, {})), "fail", "chainsaw-front.service is inactive")
    assert_check(next(site_checks.front(manifest, None)), "unknown", "does not answer")
    assert list(site_checks.front(EMPTY, units)) == []


# How visitors find it


HOST = "blog.example.org"


@pytest.mark.parametrize(
    ("answer", "host", "state", "word"),
    [
        (PlainAnswer(301, f"https://{HOST}/"), HOST, "ok", "port 80 redirects to https"),
        (PlainAnswer(301, f"https://{HOST}:8443/"), HOST, "ok", "port 80 redirects to https"),
        (PlainAnswer(), "", "ok", "closes the connection, as it should"),
        (PlainAnswer(), HOST, "fail", "closes the connection: is that the front?"),
        (PlainAnswer(200), "", "fail", "answers 200: is that the front?"),
        (PlainAnswer(302, "https://elsewhere.example/"), HOST, "fail", "answers 302: is that the front?"),
    ],
)
def test_http(answer, host, state, word):
    assert_check(
        network.http(80, answer, host), state, word, hint="" if state == "ok" else "sudo ss -ltnp 'sport = :80'"
    )


def test_http_without_an_answer():
    check = network.http(80, PlainAnswer(problem="Connection refused"), HOST)
    assert_check(
        check, "fail", "port 80 does not answer: Connection refused", hint="systemctl --user restart chainsaw-front"
    )


def test_https():
    assert_check(network.https(443, [HOST], {HOST: ShownCertificate(1, 2)}), "ok", "port 443 speaks TLS")
    assert_check(
        network.https(443, [HOST], {HOST: ShownCertificate(problem="expired", refused=True)}),
        "ok",
        "port 443 speaks TLS",
    )
    assert_check(network.https(443, [], {}), "unknown", "no instance is published")
    silent = network.https(443, [HOST], {HOST: ShownCertificate(problem="Connection refused")})
    assert_check(silent, "fail", f"does not speak TLS for {HOST}: Connection refused", hint="systemctl --user restart")
    assert_check(network.https(443, [HOST], {}), "fail", "timed out", hint="systemctl --user restart")


TRIE = """Main:
        |-- 10.1.2.0
           /24 link UNICAST
        |-- 10.1.2.3
           /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
Local:
        |-- 10.1.2.3
           /32 host LOCAL
"""
INET6 = (
    "00000000000000000000000000000001 01 80 10 80       lo\n"
    "20010db8000000000000000000000005 02 40 00 80     eth0\n"
    "fe80000000000000301001fffe9c32ae 02 40 20 80     eth0\n"
)


def test_the_addresses_of_this_host():
    assert network.addresses_in(TRIE, INET6) == {"10.1.2.3", "2001:db8::5", "fe80::3010:1ff:fe9c:32ae"}
    assert network.addresses_in(None, None) == frozenset()


PUBLIC = Addresses(frozenset({"203.0.113.5", "2001:db8::5", "fe80::1"}))
NATTED = Addresses(frozenset({"192.168.1.5", "fe80::1"}))


def answer(*addresses):
    return Resolved(frozenset(addresses))


@pytest.mark.parametrize(
    ("answered", "this", "state", "word", "hint"),
    [
        (answer("203.0.113.5", "2001:db8::5"), PUBLIC, "ok", "points to this host: 2001:db8::5, 203.0.113.5", ""),
        (answer("192.168.1.5"), NATTED, "ok", "points to this host: 192.168.1.5", ""),
        (answer("198.51.100.7"), PUBLIC, "fail", "A 198.51.100.7: that is not this host", "at your DNS provider"),
        (
            answer("203.0.113.5", "2001:db8::9"),
            PUBLIC,
            "fail",
            "AAAA 2001:db8::9: that is not this host",
            "at your DNS provider",
        ),
        (
            answer("192.168.1.5", "2001:db8::9"),
            NATTED,
            "fail",
            "AAAA 2001:db8::9: that is not this host",
            "at your DNS provider",
        ),
        (answer("198.51.100.7"), NATTED, "unknown", "its own addresses are private (192.168.1.5", "from elsewhere"),
        (answer("198.51.100.7", "2001:db8::9"), NATTED, "unknown", "as behind NAT", "from elsewhere"),
        (answer("198.51.100.7"), Addresses(), "unknown", "its own addresses cannot be read", "from elsewhere"),
        (answer(), PUBLIC, "fail", "has no address: nobody can reach it", f"at your DNS provider, set {HOST} A 203"),
        (answer(), NATTED, "fail", "has no address", f"at your DNS provider, set {HOST} A, the address of this host"),
        (answer("127.0.1.1"), PUBLIC, "unknown", "set on this host itself (127.0.1.1)", "elsewhere: getent"),
        (None, PUBLIC, "unknown", "the resolver does not answer: in time", f"getent ahosts {HOST}"),
        (Resolved(problem="try again"), PUBLIC, "unknown", "does not answer: try again", f"getent ahosts {HOST}"),
    ],
)
def test_where_the_records_of_a_name_point(answered, this, state, word, hint):
    assert_check(network.leads_here(HOST, answered, this), state, word, hint=hint)


def test_the_hint_for_a_stale_ipv6_record_is_to_remove_it():
    only4 = Addresses(frozenset({"203.0.113.5", "fe80::1"}))
    check = network.leads_here(HOST, answer("203.0.113.5", "2001:db8::9"), only4)
    assert_check(check, "fail", "AAAA 2001:db8::9", hint=f"at your DNS provider, set {HOST} A 203.0.113.5, and no AAAA")


def test_names_that_need_no_resolver():
    assert_check(network.leads_here("blog.localhost", None, PUBLIC), "ok", "a name for this host only")
    itself = replace(PUBLIC, own_names=frozenset({HOST}))
    assert_check(
        network.leads_here(HOST, answer("203.0.113.5"), itself), "unknown", "the public DNS records are not known"
    )
    assert [is_local(name) for name in ("localhost", "a.localhost", "localhost.example.org")] == [
        True,
        True,
        False,
    ]


# What becomes of results


def test_checks_that_are_ok_are_one_line_for_people():
    checks = [
        Check("git", "ok", "installed"),
        *(Check("socket", "ok", "active", subject=name) for name in ("blog", "shop")),
        Check("timer", "ok", "active", subject="blog"),
        Check("certificate", "ok", "valid for 9 d more", subject="a.org"),
        Check("certificate", "ok", "valid for 8 d more", subject="b.org"),
        Check("certificate", "fail", "ended", "chainsaw apply", "c.org"),
        Check("DNS", "unknown", "no answer", "getent a.org", "a.org"),
        Check("DNS", "unknown", "no answer", "getent b.org", "b.org"),
        Check("DNS", "unknown", "it depends", "getent c.org", "c.org"),
    ]
    assert [(check.name, check.state, check.found) for check in in_short(checks)] == [
        ("git", "ok", "installed"),
        ("socket of all 2", "ok", "blog, shop: active"),
        ("timer of blog", "ok", "active"),
        ("certificate of 2", "ok", "a.org, b.org"),
        ("certificate of c.org", "fail", "ended"),
        ("DNS of 2", "unknown", "a.org, b.org: no answer"),
        ("DNS of c.org", "unknown", "it depends"),
    ]
    assert summary(checks) == "10 checks: 6 ok, 1 fail, 3 unknown"


def test_every_check_is_in_the_json():
    check = Check("socket", "fail", "gone", "start it", "blog")
    assert check.as_dict() == {"name": "socket of blog", "state": "fail", "found": "gone", "hint": "start it"}


def test_only_the_first_of_many_names_are_shown():
    assert some(["b", "a"]) == "a, b"
    assert some("edcba") == "a, b, c and 2 more"
