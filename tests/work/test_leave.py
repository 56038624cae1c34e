"""uninstall --all deletes all of chainsaw but the admin's own files, and nothing while there is an instance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake import replaces

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.host.step import Steps
from chainsaw.host.store import records
from chainsaw.host.systemd import UserManager
from chainsaw.work.lifecycle import leave as leaving
from chainsaw.work.result import Quiet

UNITS = ("chainsaw.target", "chainsaw-front.socket", "app@.service.d/chainsaw.conf")
IMAGE = "localhost/chainsaw/base:0123"


@replaces(UserManager)
class Manager:
    """A user manager that records what it is asked for."""

    def __init__(self):
        self.calls = []

    def __call__(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def stop(self, names, timeout):
        self.calls.append(("stop", *names))

    def reload(self):
        self.calls.append(("reload",))


@pytest.fixture
def manager(monkeypatch):
    found = Manager()
    monkeypatch.setattr(leaving, "UserManager", found)
    return found


@pytest.fixture
def empty(admin, podman, manager):
    """A host whose last instance was purged: the front runs, and other units and images are there, too."""
    paths = admin.paths
    admin.write("site.yaml", "language: de\n")
    admin.arrange()
    for name in UNITS:
        files.replace_link(f"{paths.unit_links}/{name}", f"{paths.current}/units/{name}")
    files.replace_link(f"{paths.unit_links}/default.target.wants/chainsaw.target", "../chainsaw.target")
    files.replace_link(paths.quadlet_link, f"{paths.current}/quadlets")
    records.write_applied(paths, {"chainsaw-front.socket": "1", "chainsaw-front.service": "2"})
    records.write_block(paths, "front", 196608)
    for place in (f"{paths.authority}/ca.pem", paths.site_secret("smtp_password"), f"{paths.source('club')}/HEAD"):
        files.write_atomic(place, b"x")
    files.write_atomic(f"{paths.unit_links}/mine.service", b"[Service]\n")
    store = f"{paths.data}/containers/storage/overlay-images/images.json"
    files.write_atomic(store, json.dumps([{"names": [IMAGE]}, {"names": ["localhost/mine:1"]}]).encode())
    return admin


def everything(admin):
    home = Path(admin.paths.home)
    found = [path for path in home.rglob("*") if path.is_file() or path.is_symlink()]
    return {str(path.relative_to(home)) for path in found if ".git" not in path.parts}


REST = {
    ".config/chainsaw/site.yaml",
    ".local/share/containers/storage/overlay-images/images.json",
    ".local/share/systemd/user/mine.service",
}


def leave(admin):
    return leaving.leave(admin.account, Quiet())


def test_nothing_is_left_but_what_is_not_of_chainsaw(empty, manager, podman):
    paths = empty.paths
    done = leave(empty)
    assert everything(empty) == REST
    assert not Path(paths.root).exists()
    assert not Path(f"{paths.state}/chainsaw").exists()
    assert manager.calls == [
        ("stop", "chainsaw.target", "chainsaw-front.service", "chainsaw-front.socket", *leaving.HELD, "chainsaw.slice"),
        ("reload",),
    ]
    assert f"image rm --ignore {IMAGE}\n" in podman.read_text()
    assert "localhost/mine" not in podman.read_text()
    assert done.lines[-6:] == (
        f"deleted {paths.quadlet_link}",
        f"deleted {paths.root}",
        f"deleted {paths.state}/chainsaw",
        "deleted 1 image that chainsaw built",
        f"kept: your files, in {paths.own_files}",
        f"next: sudo chainsaw setup --undo --user {empty.account.name}; sudo apt remove chainsaw",
    )


def test_what_would_be_deleted_is_what_is_deleted(empty):
    shown = leaving.leaving(empty.account).table.rows
    done = leave(empty)
    assert [name for _, name in shown] == [*done.data["deleted"], *done.data["images"]]


def test_where_nothing_is_left_nothing_is_made(admin, podman, manager):
    before = everything(admin)
    done = leave(admin)
    assert done.lines[0] == f"nothing of chainsaw is left for {admin.account.name}"
    assert everything(admin) == before
    assert (manager.calls, podman.read_text()) == ([], "")


@pytest.mark.parametrize("step", range(1, 11))
def test_it_may_be_interrupted_and_repeated(empty, manager, step):
    with pytest.raises(OSError, match="step"):
        leaving.leave(replace(empty.account, steps=Steps(f"error:{step}")), Quiet())
    leave(empty)
    assert everything(empty) == REST
    assert (
        "stop",
        "chainsaw.target",
        "chainsaw-front.service",
        "chainsaw-front.socket",
        *leaving.HELD,
        "chainsaw.slice",
    ) in manager.calls


def declared(admin):
    admin.declare("blog")


def removed(admin):
    admin.declare("blog")
    admin.retract("blog")


def with_data(admin):
    files.write_atomic(f"{admin.paths.public}/blog/content/picture", b"sea")


def applied(admin):
    admin.declare("blog")
    admin.generation()
    (admin.own / "instances/blog.yaml").unlink()


@pytest.mark.parametrize("arrange", [declared, removed, with_data, applied])
def test_while_there_is_an_instance_nothing_is_deleted(empty, manager, arrange):
    arrange(empty)
    before = everything(empty)
    for function in (lambda: leave(empty), lambda: leaving.leaving(empty.account)):
        with pytest.raises(ChainsawError) as caught:
            function()
        (problem,) = caught.value.diagnostics
        assert problem.message == "blog is still there; only a purge deletes an instance with its data"
        assert problem.hint == "chainsaw remove blog --purge"
    assert everything(empty) == before
    assert manager.calls == []


def test_while_there_are_backups_nothing_is_deleted(empty, manager):
    kept = Path(empty.paths.backups_of("blog"))
    kept.mkdir(parents=True)
    (kept / "one.tar.zst").write_bytes(b"all that is left")
    before = everything(empty)
    with pytest.raises(ChainsawError) as caught:
        leave(empty)
    (problem,) = caught.value.diagnostics
    assert problem.message == "there are backups, of blog, which would be deleted with all else"
    assert problem.hint == f"mv {empty.paths.backups} ~/, or rm -r {empty.paths.backups}"
    assert everything(empty) == before
    assert manager.calls == []


def test_all_instances_are_named(empty):
    empty.declare("blog")
    empty.declare("club")
    with pytest.raises(ChainsawError) as caught:
        leave(empty)
    assert str(caught.value) == "blog, club are still there; only a purge deletes an instance with its data"
    assert caught.value.diagnostics[0].hint == "chainsaw remove blog --purge; chainsaw remove club --purge"
