"""setup --undo takes back what only setup can have done, and says what stays; nothing while chainsaw is in use."""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import facts, files, firewall, journal, readings, users
from chainsaw.host.account import Account
from chainsaw.host.store import records
from chainsaw.model.block import Range, Ranges
from chainsaw.model.paths import Paths
from chainsaw.work.result import Quiet
from chainsaw.work.system import host_files, setup, undo

BLOCK = 196608


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host below a directory, on which nobody but kim uses chainsaw."""
    root = tmp_path / "host"
    for module, name in ((host_files, "SYSCTL"), (host_files, "JOURNALD"), (host_files, "UNITS"), (setup, "USERDB")):
        monkeypatch.setattr(module, name, f"{root}{getattr(module, name)}")
    monkeypatch.setattr(facts, "INOTIFY", f"{root}/inotify")
    monkeypatch.setattr(users, "reload_manager", lambda account: (root / "reloaded").touch())
    monkeypatch.setattr(users, "has_unread_units", lambda account: not (root / "reloaded").exists())
    monkeypatch.setattr(firewall, "start", lambda: (root / "bounded").touch())
    monkeypatch.setattr(firewall, "stop", lambda: (root / "bounded").unlink())
    monkeypatch.setattr(firewall, "is_up", lambda: (root / "bounded").exists())
    monkeypatch.setattr(readings, "PRECEDENCE", (f"{root}/etc", f"{root}/usr/lib"))
    monkeypatch.setattr(facts, "PORT_START", f"{root}/port")
    monkeypatch.setattr(facts, "is_root", lambda: True)
    monkeypatch.setattr(facts, "homes", lambda: {"kim": str(root / "home/kim"), "lee": str(root / "home/lee")})
    monkeypatch.setattr(facts, "ranges_of", lambda name, uid: ranges())
    monkeypatch.setattr("chainsaw.host.account.ranges_of", lambda name, uid: ranges())
    monkeypatch.setattr(journal, "restart", lambda: (root / "restarted").touch())
    (root / "home/kim").mkdir(parents=True)
    (root / "port").write_text("1024\n")
    return root


def ranges():
    own = [Range("kim", BLOCK, 2 * 65536)]
    return Ranges(own, own)


@pytest.fixture
def kim(host, monkeypatch):
    account = Account("kim", 1000, Paths.of(str(host / "home/kim"), {}), "/run/user/1000")
    monkeypatch.setattr(undo, "account_of", lambda user: account)
    return account


@pytest.fixture
def prepared(host, kim):
    """Setup has done what concerns the host, and has named the ids of an instance that is purged by now."""
    records.write_block(kim.paths, "blog", BLOCK)
    host_changes = (setup._sysctl_changes(), setup._drop_in_changes(kim), setup._journal_changes())
    for change in chain(*host_changes, setup._userdb_changes(kim)):
        change.effect()
    files.remove_tree(kim.paths.root)
    return everything(host)


def everything(host):
    return {str(path.relative_to(host)) for path in host.rglob("*") if path.is_file() or path.is_symlink()}


def take_back(dry_run=False):
    return undo.undo("kim", dry_run, Quiet())


def test_it_removes_all_that_setup_wrote_for_the_host(host, prepared):
    assert len([name for name in prepared if "userdb" in name]) == 8
    done = take_back()
    assert everything(host) == {"port", "restarted", "reloaded"}
    assert (host / "port").read_text() == "1024\n"
    assert done.lines[:13] == (
        f"remove {host_files.SYSCTL}",
        "set net.ipv4.ip_unprivileged_port_start to 1024, the kernel's default",
        f"remove {host_files.JOURNALD}: the journal has the limits of journald again",
        "stop chainsaw-connections.service",
        f"remove {host_files.UNITS}/user@1000.service.d/50-chainsaw.conf",
        f"remove {host_files.UNITS}/user-.slice.d/50-chainsaw.conf",
        f"remove {host_files.UNITS}/user-1000.slice.d/60-chainsaw.conf",
        f"remove {host_files.UNITS}/user-0.slice.d/60-chainsaw.conf",
        f"remove {host_files.UNITS}/chainsaw-connections.service",
        f"remove {host_files.UNITS}/nftables.service.d/50-chainsaw.conf",
        "let systemd read its units again",
        f"remove the name chainsaw-blog-root of the id {BLOCK}",
        f"remove the name chainsaw-blog of the id {BLOCK + 1000}",
    )


def test_a_dry_run_says_so_and_changes_nothing(host, prepared):
    done = take_back(dry_run=True)
    assert done.lines[0] == f"would: remove {host_files.SYSCTL}"
    assert everything(host) == prepared
    assert [f"would: {what}" for what in done.data["changes"]] == list(done.lines[:13])


def test_a_second_time_there_is_nothing_to_take_back(host, prepared):
    take_back()
    before = everything(host)
    assert take_back().lines[0] == "nothing to take back"
    assert everything(host) == before


def test_without_root_it_shows_the_command(host, prepared, monkeypatch):
    monkeypatch.setattr(facts, "is_root", lambda: False)
    with pytest.raises(ChainsawError) as caught:
        take_back()
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.hint) == ("not-root", "sudo chainsaw setup --undo --user kim")
    assert caught.value.exit is Exit.USAGE
    assert everything(host) == prepared
    assert take_back(dry_run=True).exit is Exit.OK


@pytest.mark.parametrize(
    ("file", "message", "hint"),
    [
        (
            ".config/chainsaw/instances/blog.yaml",
            "kim still has instances: blog",
            "as kim: chainsaw remove blog --purge; chainsaw uninstall --all",
        ),
        (
            ".config/chainsaw/removed/blog.yaml",
            "kim still has instances: blog",
            "as kim: chainsaw remove blog --purge; chainsaw uninstall --all",
        ),
        (
            ".local/share/chainsaw/instances/blog/volumes/content/index",
            "kim still has instances: blog",
            "as kim: chainsaw remove blog --purge; chainsaw uninstall --all",
        ),
        (
            ".local/state/chainsaw/generations/1/manifest.json",
            "kim still has the front, and generations of it",
            "as kim: chainsaw uninstall --all",
        ),
    ],
)
def test_while_chainsaw_is_in_use_nothing_is_changed(host, kim, prepared, file, message, hint):
    files.write_atomic(f"{kim.paths.home}/{file}", b"")
    before = everything(host)
    for dry_run in (False, True):
        with pytest.raises(ChainsawError) as caught:
            take_back(dry_run)
        assert [(item.message, item.hint) for item in caught.value.diagnostics] == [(message, hint)]
    assert everything(host) == before


def test_what_another_user_needs_stays(host, prepared):
    os.makedirs(f"{Paths.of(str(host / 'home/lee'), {}).generations}/1")
    setup._publish("chainsaw-shop", 9 * 65536)
    done = take_back()
    assert done.data["changes"] == [
        f"remove {host_files.UNITS}/user@1000.service.d/50-chainsaw.conf",
        f"remove {host_files.UNITS}/user-1000.slice.d/60-chainsaw.conf",
        "let systemd read its units again",
        f"remove the name chainsaw-blog-root of the id {BLOCK}",
        f"remove the name chainsaw-blog of the id {BLOCK + 1000}",
    ]
    assert f"  {host_files.SYSCTL}, as chainsaw is in use by lee" in done.lines
    assert f"  {host_files.JOURNALD}, as chainsaw is in use by lee" in done.lines
    assert {name for name in everything(host) if "userdb" in name} == {
        f"etc/userdb/{who}.{kind}" for who in ("chainsaw-shop", 9 * 65536) for kind in ("user", "group")
    }


def test_a_port_that_another_file_opens_stays_open(host, prepared):
    files.write_atomic(f"{host}/usr/lib/sysctl.d/90-web.conf", b"net/ipv4/ip_unprivileged_port_start=80\n")
    take_back()
    assert (host / "port").read_text() == "80\n"
    assert not Path(host_files.SYSCTL).exists()


def test_a_port_that_somebody_has_set_since_stays_as_it_is(host, prepared):
    (host / "port").write_text("25\n")
    take_back()
    assert (host / "port").read_text() == "25\n"


@pytest.mark.parametrize("name", ["SYSCTL", "JOURNALD"])
def test_a_file_that_does_not_say_that_setup_made_it_stays(host, prepared, name):
    file = getattr(host_files, name)
    Path(file).write_text("# ours\n")
    done = take_back()
    assert Path(file).read_text() == "# ours\n"
    assert f"  {file}, as it does not begin with: # Made by chainsaw setup" in done.lines


def test_a_record_of_another_service_stays(host, prepared):
    content = {"userName": "chainsaw-lumber", "uid": 4000, "service": "timber"}
    files.write_atomic(f"{setup.USERDB}/chainsaw-lumber.user", json.dumps(content).encode())
    files.write_atomic(f"{setup.USERDB}/broken.user", b"{")
    take_back()
    assert sorted(os.listdir(setup.USERDB)) == ["broken.user", "chainsaw-lumber.user"]


def test_what_somebody_else_may_want_stays_and_is_named(host, kim, monkeypatch):
    texts = {"/etc/subuid": "lee:1:2\nkim:100000:65536\n", "/etc/subgid": ""}
    storage = f"{kim.paths.config}/containers/storage.conf"
    there = {"/var/lib/systemd/linger/kim", "/var/log/journal", storage}
    monkeypatch.setattr(files, "read_text", lambda path: texts.get(path))
    monkeypatch.setattr(files, "exists", lambda path: path in there)
    unknown = "it is not recorded whether setup did that"
    assert take_back().data["kept"] == [
        f"the services of kim run without a login; {unknown}: sudo loginctl disable-linger kim",
        f"the subordinate ids of kim, in /etc/subuid and /etc/subgid; {unknown}",
        f"{storage}, as the images of kim need it: podman system reset deletes them all",
        "/var/log/journal, so the journal stays on the disk",
    ]


@pytest.mark.parametrize(("starts", "said"), [(True, []), (False, ["unbounded"])])
def test_setup_says_when_the_connections_of_one_address_cannot_be_bounded(host, kim, monkeypatch, starts, said):
    monkeypatch.setattr(setup, "account_of", lambda user: kim)
    monkeypatch.setattr(setup, "_changes", lambda account, blocks, driver: setup._drop_in_changes(account))
    if not starts:
        monkeypatch.setattr(firewall, "start", lambda: None)
    for _ in range(2):
        done = setup.setup("kim", "2", None, False, Quiet())
        assert [item.code for item in done.diagnostics] == said
    assert (done.data["changes"] == []) is starts, "setup tries it again"


def test_drop_ins_that_an_interrupted_setup_left_unread_are_read(host, kim):
    for change in list(setup._drop_in_changes(kim))[:-2]:
        change.effect()
    left = [change.what for change in setup._drop_in_changes(kim)]
    assert left == ["let systemd read its units again", "start chainsaw-connections.service"]
