"""What a rehearsed instance has is compared with what its backup lists."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import usage
from chainsaw.host.bundle import taking
from chainsaw.model.backup import Ending, Tree
from chainsaw.work.restore import look
from chainsaw.work.result import Quiet

MB = 2**20


class Podman:
    def __init__(self):
        self.removed = []

    def enter(self):
        return ["within"]

    def exec_words(self, container, command):
        return ["exec", container, *command]

    def remove_trees(self, paths):
        self.removed += paths


def looked(monkeypatch, tmp_path, *, page="", members=100, size=MB, dump=MB, database=""):
    """Return the problems of a look at an instance that has all this, and what was noted of it."""
    monkeypatch.setattr(look, "applied_site", lambda paths: SimpleNamespace(ports=SimpleNamespace(https=443)))
    monkeypatch.setattr(look, "read_probe", lambda paths: "word")
    monkeypatch.setattr(look, "proof", lambda *words: page)
    monkeypatch.setattr(usage, "members_of", lambda path, enter: (members, size))
    monkeypatch.setattr(taking, "measure", lambda words, patience: dump)

    def copy(source, target, wanted, within):
        assert (source, list(wanted), within) == ("/data", ["app.db"], ["within"])
        if database:
            raise ChainsawError(Diagnostic("failed", database))

    monkeypatch.setattr(look, "copy_databases", copy)
    podman = Podman()
    paths = SimpleNamespace(authority="/authority", instance=lambda name: str(tmp_path / name))
    (tmp_path / "drill-blog").mkdir()
    deployment: Any = SimpleNamespace(
        name="drill-blog",
        volumes=[SimpleNamespace(name="data", path="/data")],
        services=[SimpleNamespace(component=one, container=f"drill-blog.{one}", dump=(one,)) for one in ("app", "db")],
    )
    ending = Ending(
        id="blog-20261201T000000Z-abcd",
        finished=1,
        files="running",
        downtime=0.0,
        volumes={"data": Tree(members=100, bytes=MB, highest=1)},
        dumps={"db": MB},
    )
    found = look.Found()
    account: Any = SimpleNamespace(paths=paths, podman=podman)
    backup: Any = SimpleNamespace(sqlite={"data": ("app.db",)})
    try:
        look.Look(account, deployment, backup, ending, Quiet()).look(found)
    except ChainsawError as error:
        return [(item.code, item.message) for item in error.diagnostics], found
    finally:
        assert podman.removed
    return [], found


def test_what_is_as_listed_is_noted(monkeypatch, tmp_path):
    problems, found = looked(monkeypatch, tmp_path)
    assert not problems
    assert found.as_dict() == {
        "volumes": {"data": {"members": 100, "bytes": MB, "found_members": 100, "found_bytes": MB}},
        "dumps": {"db": {"bytes": MB, "found_bytes": MB}},
        "databases": ["data"],
    }


@pytest.mark.parametrize(
    "had",
    [{"members": 300, "size": 5 * MB}, {"members": 92}, {"size": MB * 95 // 100}, {"dump": MB * 105 // 100}],
    ids=["more", "caches are gone", "a little less", "it has written"],
)
def test_what_an_application_does_when_it_starts_is_no_problem(monkeypatch, tmp_path, had):
    assert not looked(monkeypatch, tmp_path, **had)[0]


@pytest.mark.parametrize(
    ("had", "code", "said"),
    [
        ({"page": "it answers 500"}, "drill-page", "it answers 500"),
        ({"members": 80}, "drill-volume", f"80 and {MB} are there when the application has started"),
        ({"size": MB // 2}, "drill-volume", f"of 100 members and {MB} bytes in the volume data, 100 and {MB // 2} are"),
        ({"dump": MB // 2}, "drill-dump", f"db holds {MB // 2} bytes as it dumps them, and the backup has {MB}"),
        ({"dump": 2 * MB}, "drill-dump", f"db holds {2 * MB} bytes"),
        ({"dump": 0}, "drill-dump", "db holds 0 bytes"),
        ({"database": "app.db: the database is damaged"}, "failed", "app.db: the database is damaged"),
    ],
)
def test_what_is_not_as_listed_is_a_problem(monkeypatch, tmp_path, had, code, said):
    (problem,), _ = looked(monkeypatch, tmp_path, **had)
    assert problem[0] == code
    assert said in problem[1]


def test_the_members_of_a_tree_are_counted_with_files_of_two_names_once(tmp_path):
    top = tmp_path / "a\nb"
    top.mkdir()
    (top / "one").write_bytes(b"x" * 5000)
    (top / "two").hardlink_to(top / "one")
    (top / "empty").touch()
    (top / "link").symlink_to("one")
    assert usage.members_of(str(top), []) == (5, 8192)
