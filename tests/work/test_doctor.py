"""doctor on a host that is made of files: what it reads, reports and repairs."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from another import another_chainsaw
from fake import replaces
from test_host import web_server

from chainsaw.checks.observed import ImageStore, Leftovers, PlainAnswer, Resolved
from chainsaw.checks.site import failed_units
from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import certificates, facts, files, readings, web
from chainsaw.host.account import Account
from chainsaw.host.podman import storage
from chainsaw.host.store import generations, operations, records
from chainsaw.host.store.backups import write_backups
from chainsaw.host.systemd import UserManager
from chainsaw.model.backup import BackupRecord, Made
from chainsaw.model.deployment import Scheduled, Service
from chainsaw.model.paths import Paths
from chainsaw.plan.diff import FRONT_SOCKET
from chainsaw.plan.observed import UnitDetails
from chainsaw.work.locks import Locks
from chainsaw.work.parallel import answers
from chainsaw.work.result import Quiet
from chainsaw.work.system import doctor, repair


@pytest.fixture
def paths(tmp_path):
    return Paths.of(str(tmp_path / "home"), {})


@pytest.fixture
def applied(paths, goldens):
    """A home in which a golden case was applied, as generation 3."""
    site = goldens["wordpress"]
    manifest = site.manifest.model_copy(update={"number": 3})
    records.prepare(paths)
    generations.write_generation(paths, manifest, site.tree)
    files.replace_link(paths.current, "3")
    operations.write_begin(paths, 3, 2, manifest.instances)
    operations.write_switched(paths, 3)
    operations.write_done(paths, 3, manifest.instances)
    return manifest


@pytest.fixture
def account(paths, monkeypatch):
    """An admin who has that home, and no user manager."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", f"{paths.home}/run")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    return Account("admin", 1000, paths, f"{paths.home}/run")


# Reading


def test_the_ports_are_those_that_are_applied(paths, applied):
    assert readings.front_ports(paths) == (80, 443)
    place = f"{paths.current}/units/chainsaw-front.socket"
    text = files.read_text(place)
    files.write_atomic(place, text.replace(":80\n", ":8080\n").replace(":443\n", ":8443\n").encode())
    assert readings.front_ports(paths) == (8080, 8443)


def test_without_a_generation_there_are_no_ports_of_one(paths):
    assert readings.front_ports(paths) is None


def test_the_limits_are_those_of_the_quadlets(paths, applied):
    found = readings.limits(paths, applied)
    assert found["chainsaw-front"] == 256 * 2**20
    assert all(found.values())
    place = f"{paths.current}/quadlets/chainsaw-front.container"
    files.write_atomic(place, files.read_text(place).replace("MemoryMax=256M\n", "").encode())
    assert readings.limits(paths, applied)["chainsaw-front"] is None


def test_where_nothing_was_cut_off_nothing_is_left(paths, applied):
    assert readings.leftovers(paths) == Leftovers()


def test_what_a_crash_leaves_is_found(paths, applied):
    operations.write_begin(paths, 4, 2, ["blog"])
    files.make_directory(f"{paths.generations}/4")
    unfinished_files = [
        f"{paths.root}/recipes/chainsaw/wiki@1.partial",
        f"{paths.certificates}/blog.example.org/key.pem.partial",
        f"{paths.instance('blog')}/record.json.partial",
        f"{paths.instance_files}/blog.yaml.partial",
        f"{paths.unit_links}/app@blog.socket.partial",
        f"{paths.generations}/current.partial",
        f"{paths.static}/a.partial",
    ]
    others = [
        f"{paths.instance('blog')}/volumes/data.partial",
        f"{paths.instance('blog')}/secrets/key.partial",
        f"{paths.public}/blog/uploads.partial",
        f"{paths.root}/backups/blog.partial",
        f"{paths.site_secret('smtp')}.partial",
    ]
    for path in (*unfinished_files, *others, f"{paths.instance('blog')}/volumes/data/mine.partial"):
        files.make_directory(path)
    found = readings.leftovers(paths)
    assert (found.unfinished, found.newer, found.holder) == (True, (4,), "")
    assert set(found.unfinished_files) == set(unfinished_files)
    assert set(found.others) == set(others), "what is inside volumes is not looked at"


def test_what_a_build_leaves_that_is_killed_is_found(paths, applied, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "BUILDS", f"{tmp_path}/builds/chainsaw-build-")
    for name in ("chainsaw-build-x7", "other"):
        (tmp_path / "builds" / name).mkdir(parents=True)
    assert readings.leftovers(paths).others == (f"{tmp_path}/builds/chainsaw-build-x7",)


def test_the_holder_of_a_lock_is_named(paths, applied):
    with another_chainsaw(paths.site_lock, "chainsaw apply"):
        assert readings.leftovers(paths).holder.startswith("chainsaw apply (process ")
    assert readings.leftovers(paths).holder == "", "its note outlives it, the lock does not"


def test_the_store_of_images(paths):
    assert readings.image_store(paths) == ImageStore()
    root = f"{paths.data}/containers/storage"
    files.write_atomic(f"{root}/overlay-images/images.json", b"[]")
    files.write_atomic(f"{root}/overlay/.has-mount-program", b"true")
    files.make_directory(f"{root}/vfs-images")
    assert readings.image_store(paths) == ImageStore(frozenset({"overlay"}), "true")


def test_the_version_of_nginx_is_read_from_its_image(paths):
    assert readings.nginx_version(paths, "localhost/nginx:1") is None
    root = f"{paths.data}/containers/storage"
    images = [{"names": ["localhost/nginx:1"], "layer": "top"}, {"names": None, "layer": "other"}]
    layers = [{"id": "top", "parent": "base"}, {"id": "base"}]
    files.write_atomic(f"{root}/overlay-images/images.json", json.dumps(images).encode())
    files.write_atomic(f"{root}/overlay-layers/layers.json", json.dumps(layers).encode())
    assert readings.nginx_version(paths, "localhost/nginx:1") is None
    files.write_atomic(f"{root}/overlay/base/diff/usr/sbin/nginx", b"\0 nginx version: nginx/1.26.3\0")
    assert readings.nginx_version(paths, "localhost/nginx:1") == (1, 26, 3)
    files.write_atomic(f"{root}/overlay/top/diff/usr/sbin/nginx", b"another server")
    assert readings.nginx_version(paths, "localhost/nginx:1") is None
    files.write_atomic(f"{root}/overlay-images/images.json", b"{}")
    assert readings.nginx_version(paths, "localhost/nginx:1") is None


def test_of_two_configuration_files_of_one_name_the_first_directory_wins(tmp_path, monkeypatch):
    monkeypatch.setattr(readings, "PRECEDENCE", (str(tmp_path / "etc"), str(tmp_path / "usr")))
    for place, text in {
        "usr/x.d/10-a.conf": "vendor",
        "etc/x.d/50-b.conf": "ours",
        "usr/x.d/50-b.conf": "masked",
        "etc/x.d/README": "no configuration",
        "usr/x.conf": "main",
    }.items():
        files.write_atomic(f"{tmp_path}/{place}", text.encode())
    found = readings.configuration("x.d", [f"{tmp_path}/etc/x.conf", f"{tmp_path}/usr/x.conf"])
    assert [text for _, text in found] == ["main", "vendor", "ours"]
    assert found[2][0] == f"{tmp_path}/etc/x.d/50-b.conf"


def test_places_on_one_file_system_are_one(tmp_path):
    (found,) = readings.spaces({"data": f"{tmp_path}/not/yet/there", "journal": str(tmp_path)})
    assert found.contents == ("data", "journal")
    assert 0 <= found.free <= found.size
    assert str(tmp_path).startswith(found.place)


def test_the_clock_is_read_and_not_set(paths, applied):
    seen = readings.clock(paths)
    assert abs(seen.now - time.time()) < 5
    assert abs(seen.written - time.time()) < 60
    assert seen.error is None or seen.error >= 0


def test_the_names_of_ids_are_those_that_ps_prints():
    found = readings.named_ids({"blog": 0, "shop": 4_000_000_000})
    assert found.names == {"blog": "root", "shop": None}


def test_the_names_that_this_host_answers_for_itself():
    assert "localhost" in readings.own_names()


def test_facts_of_the_kernel_and_systemd_are_optional(tmp_path, monkeypatch):
    assert readings.text_of(f"{tmp_path}/nothing") is None
    assert readings.text_or_nothing(f"{tmp_path}/nothing") == ""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert readings.text_of(f"{tmp_path}/binary") is None
    assert readings.lingers("nobody-of-this-name") is False
    assert readings.has_program("sh")
    assert not readings.has_program("no-such-program")
    assert readings.python_version() >= (3, 11)
    assert readings.controllers(4_000_000_000)[0] is None


def test_a_missing_answer_is_not_waited_for():
    end = threading.Event()
    calls = {"quick": lambda: 1, "late": lambda: end.wait(60), "broken": lambda: files.rename("/no/a", "/no/b")}
    began = time.monotonic()
    wait = answers(calls, 0.2)
    assert wait() == {"quick": 1}
    assert time.monotonic() - began < 5
    end.set()


# The front


@contextmanager
def plain_server(printed):
    """Answer one request with some bytes, and close; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(printed)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"", PlainAnswer()),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://a.org/\r\n\r\n", PlainAnswer(301, "https://a.org/")),
        (b"HTTP/1.1 200 OK\r\n\r\n", PlainAnswer(200)),
    ],
)
def test_a_request_to_the_http_port(printed, expected):
    with plain_server(printed) as port:
        assert web.ask_plain(port, "a.org", 5) == expected


def test_a_request_to_a_port_without_http():
    with plain_server(b"SSH-2.0-OpenSSH\r\n") as port:
        assert "the answer is not HTTP" in web.ask_plain(port, "a.org", 5).problem
    assert "refused" in web.ask_plain(1, "a.org", 5).problem


def test_the_certificate_that_a_handshake_shows(tmp_path):
    with web_server(str(tmp_path), 200, b"") as port:
        front = web.Front(port, f"{tmp_path}/ca.pem")
        shown = web.shown_certificate(front, "blog.example.org", 5)
        assert shown.problem == ""
        assert abs(shown.until - time.time() - certificates.LEAF_DAYS * 86400) < 3600
        other = web.shown_certificate(front, "other.example.org", 5)
        assert other.refused
        assert "other.example.org" in other.problem
        assert web.shown_certificate(web.Front(port, f"{tmp_path}/no.pem"), "blog.example.org", 5).problem
    assert "refused" in web.shown_certificate(web.Front(1, f"{tmp_path}/ca.pem"), "blog.example.org", 5).problem


def test_addresses_of_a_name():
    assert "127.0.0.1" in web.addresses_of("localhost").addresses
    nobody = web.addresses_of("unknown.invalid")
    assert nobody == Resolved() or nobody.problem


# Reports


def states(checks):
    return {check.name: check.state for check in checks}


def test_on_an_empty_host_what_cannot_be_read_is_unknown(account):
    found = states(doctor.examine(account))
    assert found["user manager"] == "fail"
    assert found["units"] == found["systemd"] == "unknown"
    assert found["storage driver"] == "fail"
    assert found["generation"] == found["last apply"] == found["leftovers"] == "ok"
    assert not {"http", "https", "front", "nginx"} & found.keys(), "nothing is applied, so nothing is to answer"


def test_an_applied_site_without_a_user_manager(account, applied):
    found = states(doctor.examine(account))
    assert found["front socket"] == found["front"] == found["socket of blog"] == "unknown"
    assert found["instance of blog"] == "fail", "its directories are not there"
    assert found["generated files"] == "ok"
    assert found["nginx"] == "unknown"
    host = next(iter(applied.instances.values())).route.host
    assert f"certificate of {host}" in found
    assert f"DNS of {host}" in found
    assert found["backups"] == "warn", "none has a schedule"


def test_a_backup_whose_timer_is_not_known_is_unknown_and_an_overdue_one_is_no_error(account, applied, paths):
    plan = Scheduled(every="daily", to=("/mnt/nas",), timers=(Service(unit="chainsaw-backup@blog.timer", digest=""),))
    blog = applied.instances["blog"].model_copy(update={"scheduled": plan})
    seen = doctor.Seen(account, applied.model_copy(update={"instances": {"blog": blog}}), (80, 443), None)
    for ago, state in ((60, "unknown"), (9 * 86400, "warn")):
        at = int(time.time() - ago)
        made = Made(id="x", to="/mnt/nas", at=at, bytes=1, data=1, members=1, version="1", files="running", downtime=0)
        write_backups(paths, "blog", BackupRecord(made={"/mnt/nas": made}))
        assert states(doctor.unit_checks(seen, doctor.Systemd()))["backup of blog"] == state


def test_a_backup_that_failed_is_told_by_its_own_check():
    failed = UnitDetails("failed", "failed", result="exit-code")
    assert failed_units({"chainsaw-backup@blog.service": failed, "chainsaw-drill@blog.service": failed}).state == "ok"
    assert failed_units({"chainsaw-logs.service": failed}).state == "fail"


def test_ports_that_are_declared_and_not_applied_yet(account, paths):
    files.write_atomic(paths.site_file, b"ports: {http: 8080, https: 8443}\n")
    check = next(check for check in doctor.examine(account) if check.name == "low ports")
    assert check.state == "ok"
    files.write_atomic(paths.site_file, b"ports: nonsense\n")
    assert "low ports" in states(doctor.examine(account))


def test_unreadable_records_are_reported_and_the_rest_is_checked(account, applied, paths):
    files.write_atomic(paths.record("blog"), b"nonsense")
    files.write_atomic(f"{paths.current}/manifest.json", b"{}")
    found = {check.name: check for check in doctor.examine(account)}
    assert found["subordinate ids"].state == found["names of ids"].state == "unknown"
    assert found["memory limits"].state == "unknown"
    assert found["generation"].state == "fail"
    assert "not a manifest of this version" in found["generation"].found
    assert found["generated files"].state == "unknown"


def test_an_unreadable_generation_has_a_hint_for_the_previous_one(account, applied, paths):
    files.make_directory(f"{paths.generations}/2")
    files.write_atomic(f"{paths.current}/manifest.json", b"{}")
    found = {check.name: check for check in doctor.examine(account)}
    assert found["generation"].hint == f"ln -sfn 2 {paths.current}; chainsaw apply"


def test_an_edited_file_is_reported(account, applied, paths):
    place = f"{paths.current}/nginx/nginx.conf"
    files.write_atomic(place, files.read_text(place).encode() + b"# mine\n")
    found = {check.name: check for check in doctor.examine(account)}
    assert "nginx/nginx.conf" in found["generated files"].found


@pytest.fixture
def as_user(account, monkeypatch):
    """The account of an ordinary user."""
    monkeypatch.setattr(facts, "is_root", lambda: False)
    return account


def test_the_report(as_user):
    result = doctor.doctor(as_user, False, Quiet())
    assert result.exit is Exit.DEGRADED
    assert set(result.data) == {"checks"}
    assert all(set(check) == {"name", "state", "found", "hint"} for check in result.data["checks"])
    assert result.table.heading == ("state", "what", "found")
    reported = {row[1]: row for row in result.table.rows}
    assert reported["storage driver"][0] == "fail"
    assert reported["storage driver"][2].endswith("for each instance -> sudo chainsaw setup --user admin")
    assert result.lines[-1].startswith(f"{len(result.data['checks'])} checks: ")


def test_warnings_and_what_is_unknown_do_not_change_the_exit_code(as_user, monkeypatch):
    from chainsaw.checks.check import Check

    checks = [Check("a", "ok", "x"), Check("b", "warn", "y", "z"), Check("c", "unknown", "y")]
    monkeypatch.setattr(doctor, "examine", lambda user: checks)
    assert doctor.doctor(as_user, False, Quiet()).exit is Exit.OK
    monkeypatch.setattr(doctor, "examine", lambda user: [*checks, Check("d", "fail", "y")])
    assert doctor.doctor(as_user, False, Quiet()).exit is Exit.DEGRADED


def test_root_has_no_instances_to_examine(account, monkeypatch):
    monkeypatch.setattr(facts, "is_root", lambda: True)
    with pytest.raises(ChainsawError) as caught:
        doctor.doctor(account, False, Quiet())
    assert caught.value.exit is Exit.USAGE
    assert [item.code for item in caught.value.diagnostics] == ["root-user"]


def test_a_failed_read_is_none(account, applied, paths, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(facts, "podman_version", full)
    monkeypatch.setattr(generations, "find_drift", full)
    monkeypatch.setattr(operations, "unfinished", full)
    found = states(doctor.examine(account))
    assert found["Podman"] == found["generated files"] == found["last apply"] == found["leftovers"] == "unknown"


# Repairs


@replaces(UserManager)
@dataclass
class FakeManager:
    """A user manager with units in given states, on which every unit starts."""

    units: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def states(self, patterns):
        return dict(self.units)

    def start(self, units, timeout, others=()):
        self.log += [f"{'restart' if again else 'start'} {name}" for name, again in units]
        return dict.fromkeys((*(name for name, _ in units), *others), "active")

    def stop(self, names, timeout):
        self.log += [f"stop {name}" for name in names]

    def start_api(self):
        self.log.append("start podman.socket")

    def reload(self):
        self.log.append("reload")

    def reload_unit(self, name, timeout, serving):
        self.log.append(f"reload {name}")


Manager: Any = FakeManager


def test_leftovers_are_deleted_and_possible_data_is_kept(account, applied, paths):
    files.make_directory(f"{paths.generations}/4/units")
    volume = f"{paths.instance('blog')}/volumes/data.partial"
    files.make_directory(volume)
    files.make_directory(f"{paths.static}/a.partial/css")
    files.write_atomic(f"{paths.instance_files}/blog.yaml.partial", b"recipe: wordpr")
    reported = repair.repair(account, Quiet())
    assert reported[:3] == [
        "removed generation 4, which never became current",
        f"removed {paths.instance_files}/blog.yaml.partial",
        f"removed {paths.static}/a.partial",
    ]
    assert reported[3].startswith("stopped: systemd's user manager does not answer")
    assert readings.leftovers(paths) == Leftovers(others=(volume,))
    assert generations.current_number(paths) == 3
    assert files.exists(f"{paths.generations}/3/manifest.json")


def test_a_file_that_cannot_be_removed_is_reported(locks, paths, applied, monkeypatch):
    files.write_atomic(f"{paths.root}/a.partial", b"")

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(files, "remove_whatever", refuse)
    assert list(repair.clear(locks)) == [f"could not remove {paths.root}/a.partial: Permission denied"]


def test_failed_units_are_reset_and_the_api_is_restarted(applied, locks, paths):
    manager = Manager({"podman.socket": "failed", "app@blog.cron.service": "failed", "app@blog.service": "active"})
    with another_chainsaw(paths.instance_lock("blog"), "chainsaw apply blog"):
        assert list(repair.reset_failed(manager, locks)) == ["restarted podman.socket"]
    manager = Manager({"podman.socket": "failed", "app@blog.cron.service": "failed", "app@blog.service": "active"})
    assert list(repair.reset_failed(manager, locks)) == [
        "restarted podman.socket",
        "reset the failed state of app@blog.cron.service",
    ]
    assert manager.log == ["start podman.socket", "stop app@blog.cron.service"]


def test_the_api_is_restarted_when_its_socket_was_removed(applied, locks, account):
    manager = Manager({"podman.socket": "active"})
    assert list(repair.reset_failed(manager, locks)) == ["restarted podman.socket"]
    files.write_atomic(f"{account.runtime}/podman/podman.sock", b"")
    assert list(repair.reset_failed(manager, locks)) == []
    assert list(repair.reset_failed(Manager({}), locks)) == []


@pytest.fixture
def settled(account, applied, paths):
    """Everything applied is in place, except units."""
    for deployment in (applied.front, *applied.instances.values()):
        for directory in deployment.places:
            files.make_directory(directory.path.replace("/home/admin", paths.home))
        for secret in deployment.secrets:
            files.write_atomic(secret.path.replace("/home/admin", paths.home), b"x")
    return applied


@pytest.fixture
def at_home(settled, paths):
    """The applied manifest with the paths of this home."""
    text = settled.model_dump_json().replace("/home/admin", paths.home)
    files.write_atomic(f"{paths.current}/manifest.json", text.encode())
    return generations.read_manifest(paths, 3)


@pytest.fixture
def locks(account):
    with ExitStack() as stack:
        yield Locks(account, repair.COMMAND, Quiet(), stack)


@pytest.fixture
def carried(monkeypatch, paths):
    """The actions that were carried out, and which of them fail."""
    done = SimpleNamespace(plan=[], failures={})

    def carry_out(plan, worker):
        done.plan += plan
        operations.write_switched(paths, 3)
        return True, done.failures

    monkeypatch.setattr(repair, "carry_out", carry_out)
    monkeypatch.setattr(repair, "_worker", lambda manager, locks, manifest: None)
    return done


def everything_up(manifest):
    units = {FRONT_SOCKET: "active", "chainsaw-front.service": "active", "chainsaw.target": "active"}
    for item in manifest.instances.values():
        own = (*item.services, item.gate, item.socket, *item.timers, *item.scheduled.timers, item.network)
        units |= {one.unit: "active" for one in own if one}
    return units


def test_only_what_is_applied_is_restored(account, at_home, paths, carried, locks):
    operations.write_begin(paths, 3, 2, ["blog"])
    reported = list(repair.finish(Manager(everything_up(at_home) | {"app@blog.socket": "inactive"}), locks))
    verbs = {action.verb for action in carried.plan}
    assert not verbs & {"write-generation", "activate", "create-directory", "create-secret", "install-recipe"}
    assert "finished generation 3" in reported
    assert "started app@blog.socket" in reported
    assert operations.unfinished(paths) == operations.Unfinished()


def test_an_edited_file_is_kept_and_does_not_block_the_repair(account, at_home, paths, carried, locks):
    place = f"{paths.current}/quadlets/app@blog.container"
    files.write_atomic(place, files.read_text(place).encode() + b"# mine\n")
    list(repair.finish(Manager(everything_up(at_home) | {"app@blog.socket": "failed"}), locks))
    assert "write-generation" not in {action.verb for action in carried.plan}
    assert "start" in {action.verb for action in carried.plan}
    assert files.read_text(place).endswith("# mine\n")


def test_an_instance_without_its_data_is_skipped(account, at_home, paths, carried, locks):
    lost = at_home.instances["blog"].volumes[0].path
    files.remove_tree(lost)
    reported = list(repair.finish(Manager(everything_up(at_home) | {"app@blog.socket": "inactive"}), locks))
    assert f"skipped blog: {lost} is missing" in reported
    assert "blog" not in {action.owner for action in carried.plan}


def test_an_instance_that_does_not_start_is_reported(account, at_home, paths, carried, locks):
    from chainsaw.errors import Diagnostic

    operations.write_begin(paths, 3, 2, ["blog"])
    carried.failures = {"blog": [Diagnostic("not-started", "it did not start", hint="look")]}
    reported = list(repair.finish(Manager(everything_up(at_home) | {"app@blog.socket": "inactive"}), locks))
    assert reported[-1] == "could not fix blog: it did not start; look"
    assert "started app@blog.socket" not in reported
    assert operations.unfinished(paths).instances == {"blog"}


def test_where_nothing_is_applied_nothing_is_restored(account, locks):
    assert list(repair.finish(Manager(), locks)) == []
