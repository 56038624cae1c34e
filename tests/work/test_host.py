"""Checks before an apply, on a host that is made of files: what is missing, conflicts, and answers of programs."""

from __future__ import annotations

import io
import os
import socket
import ssl
import stat
import subprocess
import tarfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from fake import replaces

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import certificates, facts, files
from chainsaw.host.account import Account
from chainsaw.host.podman import Podman, namespace, unpack
from chainsaw.host.podman.placement import Placement, VolumeFile
from chainsaw.host.systemd import UserManager
from chainsaw.host.web import Answer, Front, probe
from chainsaw.model.block import SIZE, Range
from chainsaw.model.deployment import ProbeRequest
from chainsaw.model.paths import Paths
from chainsaw.model.volume import Ids
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.plan.observed import Drift, Observed
from chainsaw.work.apply.apply import bring_to
from chainsaw.work.apply.session import Plan, Session
from chainsaw.work.locks import Locks
from chainsaw.work.recipes.shipped import shipped
from chainsaw.work.result import Quiet, Request

RANGES = [Range("admin", 524288, 4 * SIZE)]


@pytest.fixture
def paths(tmp_path):
    return Paths.of(str(tmp_path / "home"), {})


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return the function that puts a shell script on an otherwise empty PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))

    def write(name, script):
        path = directory / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)
        return path

    return write


def codes(call, *arguments, **named):
    with pytest.raises(ChainsawError) as caught:
        call(*arguments, **named)
    return [item.code for item in caught.value.diagnostics]


def test_everything_missing_on_a_host_is_reported_with_the_command_that_fixes_it(paths):
    found = facts.missing_from_host("nobody-of-this-name", paths, (-1, 443), (5, 3), 253)
    assert [item.code for item in found] == ["old-podman", "old-systemd", "no-linger", "low-ports", "no-storage"]
    assert all(item.hint for item in found)
    assert found[2].hint == "sudo chainsaw setup --user nobody-of-this-name"


def test_podman_is_asked_for_its_version_once(paths, programs):
    assert codes(facts.podman_version, paths) == ["no-podman"]
    program = programs("podman", 'echo "podman version 5.4.2"')
    assert facts.podman_version(paths) == (5, 4)
    reported = program.stat().st_mtime_ns
    programs("podman", "exit 1")
    os.utime(program, ns=(reported, reported))
    assert facts.podman_version(paths) == (5, 4)
    programs("podman", 'echo "podman version 6.0.0-dev"')
    os.utime(program, ns=(reported + 1, reported + 1))
    assert facts.podman_version(paths) == (6, 0)


def test_a_port_that_somebody_listens_on_is_seen():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert port not in facts.listeners()
        listener.listen()
        assert port in facts.listeners()


def test_without_a_user_manager_nothing_is_done(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    with pytest.raises(ChainsawError) as caught, UserManager():
        pytest.fail("there is one")
    assert caught.value.exit is Exit.HOST
    assert [item.code for item in caught.value.diagnostics] == ["no-user-manager"]


def test_without_the_api_of_podman_nothing_is_known(tmp_path):
    podman = Podman(str(tmp_path), RANGES, RANGES)
    assert codes(podman.declared_volumes, ["localhost/a:1"]) == ["podman-silent"]


def test_an_installation_without_its_templates_says_so():
    assert os.path.isdir(shipped("quadlets"))
    assert codes(shipped, "no-such-directory") == ["incomplete"]


@replaces(Session)
@dataclass
class Planned(Session):
    """A session that knows its plan."""

    plan: Any = None

    def plan_for(self, instances):
        return self.plan


@pytest.fixture
def session(goldens, paths):
    """Return the function that makes a session in which a golden case is planned for what is observed."""

    def make(observed, dry_run=True, force=False):
        site = goldens["wordpress"]
        manifest = site.manifest

        plan = Plan(manifest, site.tree, observed, make_plan(Wanted(manifest, {}, site.paths), observed))
        intent = SimpleNamespace(site=SimpleNamespace(ports=SimpleNamespace(http=1, https=2)))
        compiled: Any = SimpleNamespace(inputs=SimpleNamespace(intent=intent))
        account, report = Account("admin", 1000, paths, "/run/user/1000"), Quiet()
        locks = Locks(account, "chainsaw plan", report, ExitStack())
        nobody: Any = None
        request = Request((), dry_run, force)
        return Planned(account, nobody, nobody, report, compiled, "", request, locks, 0, plan=plan)

    return make


def test_a_dry_run_shows_the_plan(session):
    assert bring_to(session(Observed()), {}, {}).data["actions"]


def test_an_edited_file_stops_apply_unless_it_is_forced(session):
    observed = Observed(drift=(Drift("quadlets/app@blog.container", "-a\n+b"),))
    assert codes(bring_to, session(observed), {}, {}) == ["edited"]
    assert bring_to(session(observed, force=True), {}, {}).data["actions"]


def test_what_others_put_where_a_link_belongs_is_left_alone(session, paths):
    unit = f"{paths.unit_links}/app@blog.socket"
    files.write_atomic(unit, b"[Socket]\n")
    files.replace_link(paths.quadlet_link, "/srv/my-quadlets")
    assert codes(bring_to, session(Observed(), force=True), {}, {}) == ["foreign", "foreign"]
    assert files.read_text(unit) == "[Socket]\n"


@replaces(UserManager)
@dataclass
class FrontAt:
    """A user manager that knows the ports of the front."""

    ports: set[int]

    def ports_of(self, name):
        return frozenset(self.ports)


def test_a_port_that_is_taken_stops_apply_before_any_effect(session):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        asked = session(Observed())
        asked.compiled.inputs.intent.site.ports.https = listener.getsockname()[1]
        assert codes(bring_to, asked, {}, {}) == ["port-occupied"]
        # The front runs, and would change to this port.
        asked = session(Observed(units={"chainsaw-front.socket": "active"}))
        asked.manager = FrontAt({80, 443})
        asked.compiled.inputs.intent.site.ports.https = listener.getsockname()[1]
        assert codes(bring_to, asked, {}, {}) == ["port-occupied"]
        asked.manager = FrontAt({80, listener.getsockname()[1]})
        assert bring_to(asked, {}, {}).exit is Exit.OK


def archive(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
                continue
            if content.startswith(b"-> "):
                info.type, info.linkname = tarfile.SYMTYPE, content[3:].decode()
                tar.addfile(info)
                continue
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_static_files_are_exported_without_the_text_of_scripts(tmp_path, programs):
    archive(
        tmp_path / "a.tar",
        [("./", None), ("./style.css", b"body"), ("./a/", None), ("./a/index.php", b"<?php"), ("./link", b"-> /etc")],
    )
    programs("podman", f'echo "$@" > {tmp_path}/argv; cat {tmp_path}/a.tar')
    target = tmp_path / "static"
    Podman("", RANGES, RANGES).export_static("localhost/a:1", "/srv/www", (".php",), str(target), RANGES[0].start)
    assert files.read_directory(str(target)) == {"style.css": b"body", "a/index.php": b""}
    assert stat.S_IMODE((target / "style.css").stat().st_mode) == 0o644
    assert not (target / "link").is_symlink()
    argv = (tmp_path / "argv").read_text()
    for option in ("--network=none", "--cap-drop=all", "--read-only", f"--uidmap=0:@{RANGES[0].start}:65536"):
        assert option in argv


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../up"])
def test_an_archive_that_leaves_its_root_is_refused(tmp_path, programs, name):
    archive(tmp_path / "a.tar", [(name, b"x")])
    programs("podman", f"cat {tmp_path}/a.tar")
    export = Podman("", RANGES, RANGES).export_static
    assert codes(export, "a", "/srv", (), str(tmp_path / "static"), RANGES[0].start) == ["static-path"]
    assert not (tmp_path / "up").exists()


def refused(tmp_path, programs):
    programs("podman", f"cat {tmp_path}/a.tar")
    export = Podman("", RANGES, RANGES).export_static
    return codes(export, "a", "/srv", (), str(tmp_path / "static"), RANGES[0].start)


def test_static_files_have_a_largest_number_and_size(tmp_path, programs, monkeypatch):
    archive(tmp_path / "a.tar", [(str(number), b"x" * 100) for number in range(5)])
    monkeypatch.setattr(unpack, "MOST", 4)
    assert refused(tmp_path, programs) == ["static-size"]
    monkeypatch.setattr(unpack, "MOST", 5)
    monkeypatch.setattr(unpack, "LARGEST", 499)
    assert refused(tmp_path, programs) == ["static-size"]


def test_an_archive_with_a_hole_is_not_made_large_here(tmp_path, programs):
    (tmp_path / "hole").touch()
    os.truncate(tmp_path / "hole", 10**9)
    subprocess.run(["/usr/bin/tar", "-cSf", "a.tar", "hole"], cwd=tmp_path, check=True)
    assert refused(tmp_path, programs) == ["static-size"]
    assert not (tmp_path / "static/hole").exists()


def test_an_archive_with_an_endless_header_is_not_read(tmp_path, programs):
    archive(tmp_path / "a.tar", [("x" * 20 * 1024**2, b"x")])
    assert refused(tmp_path, programs) == ["static-size"]


@pytest.mark.parametrize("broken", [True, False])
def test_what_is_no_proper_archive_is_an_error(tmp_path, programs, broken):
    archive(tmp_path / "a.tar", [("a", b"x"), ("a/b", b"x")])
    if broken:
        (tmp_path / "a.tar").write_bytes(b"no archive" * 100)
    assert refused(tmp_path, programs) == ["static-archive"]


def test_a_program_enters_a_user_namespace_with_the_ids_of_podmans_own():
    """The admin is 0; the subordinate ids follow from 1 on, range by range."""
    users = [f"--map-users={item}" for item in (f"0:{os.getuid()}:1", "1:100000:65536", "65537:524288:131072")]
    groups = [f"--map-groups={item}" for item in (f"0:{os.getgid()}:1", "1:300000:65536")]
    uids = [Range("kim", 100000, 65536), Range("kim", 524288, 131072)]
    found = Podman("", uids, [Range("kim", 300000, 65536)]).enter()
    assert found == ["unshare", "--user", "--setuid=0", "--setgid=0", *users, *groups]


def test_where_apparmor_keeps_unshare_out_podman_enters_it(tmp_path, monkeypatch):
    monkeypatch.setattr(namespace, "RESTRICTED", str(tmp_path / "restricted"))
    assert Podman("", [], []).enter()[0] == "unshare"
    for content, first in (("0\n", "unshare"), ("1\n", "podman")):
        (tmp_path / "restricted").write_text(content)
        assert Podman("", [], []).enter()[0] == first
    assert Podman("", [], []).enter()[-1] == "unshare"


ENTER = Podman("", RANGES, RANGES).enter()


def test_what_belongs_to_blocks_travels_by_standard_input(tmp_path, programs):
    place = tmp_path / "secrets"
    place.mkdir()
    programs("unshare", f'echo "$@" >> {tmp_path}/argv; shift {len(ENTER) - 1}; "$@" --no-same-owner')
    ids = Ids(uid=RANGES[0].start + 1000, gid=RANGES[0].start + 1000)
    Podman("", RANGES, RANGES).place([Placement(str(place / "key"), 0o400, ids, b"very secret")])
    assert (place / "key").read_bytes() == b"very secret"
    assert "very secret" not in (tmp_path / "argv").read_text()
    assert os.listdir(place) == ["key"]


def test_a_file_that_the_application_could_not_write_is_an_error(programs):
    programs("podman", "echo 'cannot create /volume/out/x: Permission denied' >&2; exit 2")
    own = Ids(uid=RANGES[0].start + 1000, gid=RANGES[0].start + 1000)
    place = VolumeFile("/v/data", "out/x", own, RANGES[0].start)
    with pytest.raises(ChainsawError, match="cannot be written by the application: cannot create") as caught:
        Podman("", RANGES, RANGES).put_file("localhost/tools:1", place, b"x")
    assert [(item.code, item.file) for item in caught.value.diagnostics] == [("unwritable", "/v/data/out/x")]


@contextmanager
def web_server(directory, status, body):
    """Serve one page with a certificate of the local authority; yield the port."""
    certificates.make_authority(directory, "test")
    issued = certificates.issue(directory, "blog.example.org")
    for name, content in (("key.pem", issued.key), ("chain.pem", issued.chain)):
        files.write_atomic(f"{directory}/{name}", content)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/chain.pem", f"{directory}/key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PAGE = b"<title>Fish &amp; Chips</title>"


@pytest.mark.parametrize(
    ("host", "status", "contains", "problem"),
    [
        ("blog.example.org", 200, None, ""),
        ("blog.example.org", 200, "Fish & Chips", ""),
        (
            "blog.example.org",
            200,
            "Walks",
            "https://blog.example.org/ answers 200, but without 'Walks':\n  <title>Fish &amp; Chips</title>",
        ),
        ("blog.example.org", 302, None, "https://blog.example.org/ answers 200, not 302"),
        ("other.example.org", 200, None, "https://other.example.org/ does not answer: "),
    ],
)
def test_a_page_proves_an_instance_or_says_what_is_wrong(tmp_path, host, status, contains, problem):
    with web_server(str(tmp_path), 200, PAGE) as port:
        request = ProbeRequest(path="/", status=status, contains=contains)
        found = probe(host, Front(port, str(tmp_path / "ca.pem")), request, patience=0)
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("headers", "body", "shown"),
    [
        ({}, b"", "\n  nothing at all"),
        ({}, b"\n  one\r\n\n\ttwo\n", "\n  one\n  two"),
        ({}, b"a\nb\nc\nd\ne\nf\n", "\n  a\n  b\n  c\n  d\n  e\n  …"),
        ({}, b"x" * 200, f"\n  {'x' * 159}…"),
        ({}, b"<!doctype html>\n<html>\n<title>Not found</title>\n", "\n  <title>Not found</title>"),
        ({}, b"<html>\n<body>\n", "\n  <html>\n  <body>"),
        ({"location": "/login"}, b"", "\n  Location: /login"),
        ({"location": "/login"}, b"moved", "\n  Location: /login\n  moved"),
        ({"content-type": "image/png"}, b"\x89PNG\0\0", "\n  6 bytes of image/png"),
        ({}, b"\0", "\n  1 bytes of an unknown type"),
    ],
)
def test_of_a_wrong_answer_the_first_lines_are_shown(headers, body, shown):
    assert Answer(500, headers, body).excerpt == shown


def test_a_port_without_a_listener_is_a_problem(tmp_path):
    certificates.make_authority(str(tmp_path), "test")
    front = Front(1, str(tmp_path / "ca.pem"))
    found = probe("blog.example.org", front, ProbeRequest(path="/", status=200), patience=0)
    assert "does not answer" in found
