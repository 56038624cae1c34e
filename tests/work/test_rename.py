"""rename: valid new names, and how an interrupted rename continues."""

from __future__ import annotations

from pathlib import Path

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host.store import records
from chainsaw.work.config.on_disk import data_places, left_of, names_on_disk
from chainsaw.work.lifecycle import rename as renaming
from chainsaw.work.result import Quiet, Request

rename, clone = acting(renaming.rename), acting(renaming.clone)

NEXT = "https://next.example.org/"


def renamed(name, new):
    return rename(name, new, Request((name,), command="rename"), Quiet())


def cloned(name, new, route=NEXT):
    return clone(name, new, route, Request((name,), command="clone"), Quiet())


def refused(function, *arguments):
    """Return the problem with which something is refused, and with which exit code."""
    with pytest.raises(ChainsawError) as caught:
        function(*arguments)
    return caught.value.diagnostics[0], caught.value.exit


def everything(admin):
    """Return every file of an admin, except git's own."""
    home = Path(admin.paths.home)
    found = {str(path.relative_to(home)): path for path in home.rglob("*") if path.is_file()}
    return {path: place.read_bytes() for path, place in found.items() if "/.git/" not in f"/{path}"}


@pytest.fixture
def blog(admin):
    """An instance that is declared and has data, but was never applied."""
    admin.declare("blog")
    admin.write("notes/blog.md", "- Kim knows\n")
    records.write_block(admin.paths, "blog", 589824)
    files.write_atomic(f"{admin.paths.instance('blog')}/volumes/pages/index", b"walks")
    files.write_atomic(f"{admin.paths.public}/blog/content/picture", b"sea")
    admin.git("init", "-q", "-b", "main")
    admin.git("add", "-A")
    admin.git("commit", "-qm", "Begin")
    return admin


def occupied(admin):
    """Return each path that makes a name taken."""
    paths = admin.paths
    return {
        "declared": paths.instance_file("club"),
        "removed": paths.removed_file("club"),
        "with data": f"{paths.instance('club')}/record.json",
        "with pictures": f"{paths.public}/club/content/picture",
    }


@pytest.mark.parametrize("why", ["declared", "removed", "with data", "with pictures"])
@pytest.mark.parametrize("function", [renamed, cloned])
def test_a_name_that_something_has_is_refused(blog, why, function):
    blog.generation()
    place = occupied(blog)[why]
    files.write_atomic(place, b'{"format": 1, "name": "club", "block": 655360}')
    before = everything(blog)
    problem, code = refused(function, "blog", "club")
    assert (problem.code, code) == ("exists", Exit.FAILED)
    assert place.startswith(problem.file)
    assert problem.hint == "choose another name than club, or see what is left of it: chainsaw inventory club"
    assert everything(blog) == before


@pytest.mark.parametrize("name", ["", "..", "../club", "Club", "front", "club/x"])
@pytest.mark.parametrize("function", [renamed, cloned])
def test_an_invalid_name_is_refused(blog, name, function):
    blog.generation()
    before = everything(blog)
    problem, code = refused(function, "blog", name)
    assert (problem.code, problem.key, code) == ("instance-name", name, Exit.INVALID)
    assert everything(blog) == before


def test_the_backups_of_one_that_is_gone_take_no_name(blog):
    kept = Path(blog.paths.backups_of("diary"), "one.tar.zst")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"old")
    assert left_of(blog.paths, "diary") == []
    assert names_on_disk(blog.paths) == {"blog"}
    assert data_places(blog.paths, "diary") == []


def test_its_own_name_is_taken(blog):
    assert refused(renamed, "blog", "blog")[0].code == "exists"


@pytest.mark.parametrize("name", ["blgo", "", "../removed/blog", "..", "../instances/blog"])
@pytest.mark.parametrize("function", [renamed, cloned])
def test_a_name_of_no_instance_is_refused(blog, name, function):
    before = everything(blog)
    problem, code = refused(function, name, "club")
    assert (problem.code, code) == ("no-instance", Exit.MISSING)
    assert everything(blog) == before
    assert "did you mean blog?" in refused(function, "blgo", "club")[0].message


def test_what_was_removed_is_not_renamed_by_the_way(blog):
    blog.retract("blog")
    assert refused(renamed, "blog", "club")[0].code == "no-instance"
    assert (blog.own / "removed/blog.yaml").exists()


def test_an_instance_that_cannot_be_stopped_keeps_its_name(blog):
    blog.generation()
    before = everything(blog)
    assert refused(renamed, "blog", "club")[1] is Exit.HOST
    left = everything(blog)
    assert {path: left.get(path) for path in before} == before
    assert {path.rpartition("/")[2] for path in left.keys() - before.keys()} <= {"site", "renaming", "podman.json"}


def moved(admin):
    """Return whether everything of blog belongs to club now."""
    data, config = ".local/share/chainsaw", ".config/chainsaw"
    wanted = {
        f"{config}/instances/club.yaml": b"recipe: wordpress\nroute: https://blog.example.org/\n",
        f"{config}/notes/club.md": b"- Kim knows\n",
        f"{data}/instances/club/record.json": b'{"format": 1, "name": "club", "block": 589824}\n',
        f"{data}/instances/club/volumes/pages/index": b"walks",
        f"{data}/public/club/content/picture": b"sea",
    }
    found = everything(admin)
    beginnings = {path: found.get(path, b"")[: len(content)] for path, content in wanted.items()}
    return beginnings == wanted and not [path for path in found if "/blog" in path]


def test_all_files_are_moved_before_the_instance_starts_under_its_new_name(blog):
    assert refused(renamed, "blog", "club")[1] is Exit.HOST, "nothing starts on a host without a user manager"
    assert moved(blog)
    assert blog.subjects()[0] == "rename: blog, club"
    assert blog.changed_by() == ["instances/club.yaml", "notes/club.md"], "git takes them for the same files"
    assert blog.git("status", "--porcelain", "--untracked-files=no") == ""


@pytest.mark.parametrize("kind", ["error:{}", "error:{}+"])
@pytest.mark.parametrize("number", range(1, 9))
def test_an_interrupted_rename_continues(blog, monkeypatch, kind, number):
    monkeypatch.setenv("CHAINSAW_FAULT", kind.format(number))
    with pytest.raises(OSError, match="fault"):
        renamed("blog", "club")
    monkeypatch.delenv("CHAINSAW_FAULT")
    assert not moved(blog) or (kind, number) in (("error:{}+", 7), ("error:{}", 8), ("error:{}+", 8))
    assert refused(renamed, "blog", "club")[1] is Exit.HOST
    assert moved(blog)


def test_a_rename_whose_last_step_failed_can_be_repeated(blog):
    for _ in range(3):
        assert refused(renamed, "blog", "club")[1] is Exit.HOST
    assert moved(blog)


def test_an_interrupted_rename_overwrites_nothing(blog, monkeypatch):
    monkeypatch.setenv("CHAINSAW_FAULT", "error:4")
    with pytest.raises(OSError, match="fault"):
        renamed("blog", "club")
    monkeypatch.delenv("CHAINSAW_FAULT")
    blog.declare("club", "Rowing")
    before = everything(blog)
    assert refused(renamed, "blog", "club")[0].code == "exists"
    assert everything(blog) == before
    blog.retract("club")
    assert refused(renamed, "blog", "shed")[0].code == "no-instance", "another name is another rename"


def test_only_what_runs_can_be_cloned(blog):
    before = everything(blog)
    problem, code = refused(cloned, "blog", "club")
    assert (problem.code, problem.hint, code) == ("not-applied", "chainsaw apply blog", Exit.MISSING)
    assert everything(blog) == before


def test_a_clone_needs_a_route_of_its_own(blog):
    blog.generation()
    before = everything(blog)
    problem, code = refused(cloned, "blog", "club", "https://blog.example.org/")
    assert (problem.code, problem.message, code) == (
        "route-taken",
        "also used by blog, in instances/blog.yaml:2:8",
        Exit.INVALID,
    )
    assert refused(cloned, "blog", "club", "blog.example.org")[1] is Exit.INVALID
    assert everything(blog) == before


def test_a_clone_that_cannot_be_made_leaves_nothing(blog):
    blog.generation()
    before = everything(blog)
    assert refused(cloned, "blog", "club")[1] is Exit.HOST
    left = everything(blog)
    assert {path: left.get(path) for path in before} == before
    assert {path.rpartition("/")[2] for path in left.keys() - before.keys()} <= {"site", "podman.json"}
