"""A backup of the site holds all that is no instance's, and an empty host has it back, whatever interrupts that."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import filled
from chainsaw.host.bundle import sealed
from chainsaw.host.bundle.sealed import File
from chainsaw.host.podman import Podman
from chainsaw.host.step import Steps
from chainsaw.model.backup import SiteBackup, SiteInstance
from chainsaw.model.block import Range, Ranges
from chainsaw.model.paths import Paths
from chainsaw.work.backup.site import SiteWanted, back_up_site, back_up_site_too
from chainsaw.work.restore.rebuild import Rebuild, read_site_backup
from chainsaw.work.restore.search import search, whole
from chainsaw.work.result import Quiet

IDS = Ranges([Range("kim", 524288, 64 * 65536)], [Range("kim", 524288, 64 * 65536)])
DATA = {
    "front/authority/ca.key": "the key of the authority",
    "front/certificates/blog.example.org/pair.pem": "a key and a chain",
    "front/certificates/blog.example.org/certificate.pem": "a chain",
    "front/certificates/blog.example.org/hsts": "300\n",
    "front/acme/accounts/one.json": "{}",
    "front/issued/blog.example.org.json": "{}",
    "logins/users.json": "{}",
    "logins/session_key": "secret",
    "secrets/mail": "sesame",
    "recipes/club/wiki@0123456789abcdef/recipe.yaml": "name: wiki\n",
    "chosen.json": '{"format": 1, "recipes": []}\n',
    "site.json": '{"format": 1, "id": "abcdefghijklmnop"}\n',
}
GONE = {"front/buffers/kept.blog.1/x": "an answer", "logins/sessions/ann": "1", "logins/users/users.json": "{}"}
"""What is made again, or must not come back."""


@pytest.fixture
def site(admin, podman):
    """A host with a site that has all kinds of files."""
    admin.write("site.yaml", "language: de\n")
    admin.declare("blog")
    admin.declare("shop")
    admin.write("notes/blog.md", "- Kim knows it\n")
    for path, text in (DATA | GONE).items():
        place = Path(admin.paths.root, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    Path(admin.paths.recipes, "club/wiki").symlink_to("wiki@0123456789abcdef")
    Path(admin.paths.root, "front/authority").chmod(0o700)
    admin.apply("blog")
    admin.account.__dict__["ranges"] = IDS
    return admin


@pytest.fixture
def saved(site, tmp_path):
    """The backup of the site, and the file with the key."""
    secret, public = sealed.new_pair()
    (tmp_path / "key.txt").write_text(f"{secret}\n")
    back_up_site(site.account, SiteWanted((str(tmp_path / "disk"),), (public,)), Quiet())
    (file,) = (tmp_path / "disk").glob("*.age")
    return str(file), str(tmp_path / "key.txt")


@pytest.fixture
def placed(monkeypatch):
    """What was given to parts of chainsaw itself: only root could do it here."""
    given = {}

    def place(self, items):
        for item in items:
            given[item.path] = (item.ids.uid, item.mode)
            Path(item.path).write_bytes(item.content)

    monkeypatch.setattr(Podman, "place", place)
    return given


def empty(site, home):
    account = replace(site.account, paths=Paths.of(str(home), {}), steps=Steps(""))
    account.__dict__["ranges"] = IDS
    return account


def rebuilt(account, saved, end=True):
    rebuild = Rebuild(account, saved[0], saved[1], read_site_backup(*saved))
    step = rebuild.step()
    if step is None:
        rebuild.unpack()
    rebuild.put_in_place(step or "unpacked")
    return rebuild.end() if end else ()


def files_of(paths, but=()):
    found = {}
    for top in (paths.own_files, paths.root):
        for path in filled.below(top) if Path(top).exists() else ():
            if not path.startswith(("instances/blog/", "instances/front/", "instances/logins/", *but)):
                found[path] = Path(top, path).read_bytes()
    return found


def test_all_of_it_comes_back_and_nothing_else(site, saved, placed, tmp_path):
    account = empty(site, tmp_path / "elsewhere")
    assert rebuilt(account, saved) == ()
    was, found = files_of(site.paths, tuple(GONE)), files_of(account.paths)
    assert found == {path: text for path, text in was.items() if not path.startswith(".git/hooks/")}
    root = Path(account.paths.root)
    assert (root / "recipes/club/wiki").readlink() == Path("wiki@0123456789abcdef")
    assert (root / "front/authority").stat().st_mode & 0o777 == 0o700
    modes = {path.removeprefix(f"{root}/"): given for path, given in placed.items()}
    assert modes == {
        "front/certificates/blog.example.org/certificate.pem": (524288, 0o444),
        "front/certificates/blog.example.org/pair.pem": (524288, 0o400),
        "logins/session_key": (524288 + 65536 + 1000, 0o400),
    }


def test_what_was_there_is_kept_aside_and_the_admins_own_files_stay_there(site, saved, placed, tmp_path):
    account = empty(site, tmp_path / "elsewhere")
    for place in (f"{account.paths.own_files}/site.yaml", f"{account.paths.authority}/ca.key"):
        Path(place).parent.mkdir(parents=True)
        Path(place).write_text("before")
    (kept,) = rebuilt(account, saved)
    assert Path(kept, "site.yaml").read_text() == "before"
    assert Path(account.paths.authority, "ca.key").read_text() == DATA["front/authority/ca.key"]
    assert [path.name for path in Path(account.paths.root).iterdir() if "former" in path.name] == []
    with pytest.raises(ChainsawError, match="were here before this host was rebuilt the last time"):
        rebuilt(account, saved)


def test_the_instances_files_wait_until_all_is_back(site, saved, placed, tmp_path):
    account = empty(site, tmp_path / "elsewhere")
    rebuilt(account, saved, end=False)
    assert not Path(account.paths.instance_files).exists()
    rebuild = Rebuild(account, saved[0], saved[1], read_site_backup(*saved))
    assert "title: Walks" in rebuild.text_of("blog")
    assert rebuild.text_of("none") == ""
    assert rebuild.site().language == "de"


def test_a_certificate_that_was_deleted_with_an_instance_is_put_back(site, saved, placed, tmp_path):
    account = empty(site, tmp_path / "elsewhere")
    rebuilt(account, saved, end=False)
    place = Path(account.paths.certificates, "blog.example.org")
    shutil.rmtree(place)
    Rebuild(account, saved[0], saved[1], read_site_backup(*saved)).put_back()
    assert sorted(path.name for path in place.iterdir()) == ["certificate.pem", "hsts", "pair.pem"]


@pytest.mark.parametrize("after", ["", "+"])
def test_it_goes_on_after_any_step(site, saved, placed, tmp_path, after):
    whole_run = empty(site, tmp_path / "whole")
    rebuilt(whole_run, saved)
    wanted = files_of(whole_run.paths)
    for number in range(1, len(whole_run.steps.done) + 1):
        account = empty(site, tmp_path / f"run-{number}{after}")
        Path(account.paths.root).mkdir(parents=True)
        Path(account.paths.root, "chosen.json").write_text("before")
        with pytest.raises(OSError, match="fault injected"):
            rebuilt(replace_steps(account, f"error:{number}{after}"), saved)
        rebuilt(replace_steps(account, ""), saved)
        assert files_of(account.paths) == wanted, whole_run.steps.done[number - 1]


def replace_steps(account, fault):
    changed = replace(account, steps=Steps(fault))
    changed.__dict__["ranges"] = IDS
    return changed


def test_another_backup_is_refused_meanwhile(site, saved, placed, tmp_path):
    account = empty(site, tmp_path / "elsewhere")
    rebuilt(account, saved, end=False)
    public = json.loads(Path(saved[0].replace(".tar.zst.age", ".json")).read_text())["recipients"]
    with pytest.raises(ChainsawError, match="is being rebuilt, and a backup of the site would"):
        back_up_site(account, SiteWanted((str(tmp_path / "disk"),), tuple(public)), Quiet())
    other = read_site_backup(*saved).model_copy(update={"id": "site-20260101T000000Z-aaaa"})
    with pytest.raises(ChainsawError, match="that has not ended") as caught:
        Rebuild(account, saved[0], saved[1], other).step()
    assert saved[0] in caught.value.diagnostics[0].hint


def test_it_is_only_written_encrypted(site):
    with pytest.raises(ChainsawError, match="only written encrypted") as caught:
        back_up_site(site.account, SiteWanted(), Quiet())
    assert caught.value.diagnostics[0].hint == "chainsaw backup key"
    assert back_up_site_too(site.account, SiteWanted(), Quiet()).lines == ()


def test_a_changed_byte_is_found_before_anything_is_in_place(site, saved, placed, tmp_path):
    content = bytearray(Path(saved[0]).read_bytes())
    content[len(content) // 2] ^= 1
    Path(saved[0]).write_bytes(content)
    account = empty(site, tmp_path / "elsewhere")
    with pytest.raises(ChainsawError):
        rebuilt(account, saved)
    assert files_of(account.paths, ("rebuilding.partial",)) == {}


def test_a_backup_of_an_instance_is_told_apart(site, saved, tmp_path):
    from chainsaw.work.restore.read import read

    with pytest.raises(ChainsawError, match="the backup of a whole host") as caught:
        read(File(*saved))
    assert "restore --site" in caught.value.diagnostics[0].hint
    assert caught.value.exit is Exit.INVALID


@pytest.fixture
def known():
    """A site that knows of one backup of the blog, in a place that is not there."""
    backup = {"id": "blog-20261201T030000Z-aaaa", "to": "/nowhere/blog", "at": 1, "sha256": "0" * 64}
    facts = {"id": "site-20261201T031500Z-bbbb", "site": "abc", "at": 2, "chainsaw": "1", "node": "n", "user": "kim"}
    instance = SiteInstance.model_validate({"recipe": "wordpress", "url": "https://b.example/", "backups": [backup]})
    return SiteBackup.model_validate({**facts, "generation": 1, "instances": {"blog": instance}})


def index(place, name, at, site="abc"):
    place.mkdir(parents=True, exist_ok=True)
    recipe = {"name": "r", "origin": "chainsaw/r", "version": "1", "digest": "0" * 64, "title": "R"}
    backup = {"id": name, "site": site, "instance": "blog", "at": at, "chainsaw": "1", "url": "u", "recipe": recipe}
    ending = {"id": name, "finished": at, "files": "running", "downtime": 0}
    file = f"{name}.tar.zst"
    (place / file).write_text("x")
    text = {"backup": backup, "ending": ending, "file": file, "bytes": 1, "sha256": "0" * 64}
    (place / f"{name}.json").write_text(json.dumps(text))


def test_the_newest_backup_is_found_beside_the_sites_and_below_other_places(known, tmp_path):
    index(tmp_path / "backups/blog", "blog-20261202T030000Z-cccc", 3)
    index(tmp_path / "other", "blog-20261203T030000Z-dddd", 4)
    index(tmp_path / "other", "blog-20261204T030000Z-eeee", 5, site="of others")
    file = str(tmp_path / "backups/site/site.tar.zst.age")
    assert [item.id[-4:] for item in search(known, file, ()).sought["blog"].found] == ["cccc"]
    found = search(known, file, (str(tmp_path / "other"),))
    assert [item.id[-4:] for item in found.sought["blog"].found] == ["dddd", "cccc"]


def test_a_file_that_the_site_knows_otherwise_is_passed_over(known, tmp_path):
    index(tmp_path, "blog-20261201T030000Z-aaaa", 3)
    index(tmp_path, "blog-20261130T030000Z-ffff", 1)
    wrong, good = whole(search(known, str(tmp_path / "site.tar.zst.age"), ()).sought["blog"])
    assert "not the file that the backup of the site knows" in wrong.message
    assert good.id[-4:] == "ffff"


def test_what_is_missing_is_named_with_its_place(known, tmp_path):
    found = search(known, str(tmp_path / "site.tar.zst.age"), ())
    missing = found.sought["blog"].missing(found.places)
    assert "blog-20261201T030000Z-aaaa, is missing: it was in /nowhere/blog" in missing.message
    assert "mount or copy /nowhere/blog" in missing.hint
