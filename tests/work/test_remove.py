"""remove keeps data, a purge deletes it, and neither deletes anything of another instance."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from acting import acting
from another import another_chainsaw

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host.store import records
from chainsaw.model.route import Route
from chainsaw.work.config.new import new as declare
from chainsaw.work.inspect import inventory
from chainsaw.work.inspect.inventory import unused_images_of, unused_recipes, versions_of_rest
from chainsaw.work.lifecycle import prune as pruning
from chainsaw.work.lifecycle import remove as removing
from chainsaw.work.lifecycle import uninstall as uninstalling
from chainsaw.work.result import Quiet, Request

remove, purge, deleted_by = acting(removing.remove), acting(removing.purge), acting(removing.deleted_by)
new = acting(declare)
prune, orphans = acting(pruning.prune), acting(inventory.orphans)
uninstall = acting(uninstalling.uninstall)

NO_NAMES = ["", ".", "..", "../instances", "../../chainsaw", "front", "Blog", "blog/volumes", "blog\n", "-blog", "all"]


def asked(name, **options):
    return Request((name,), **options)


def refused(function, *arguments):
    """Return the codes with which something is refused, and with which exit code."""
    with pytest.raises(ChainsawError) as caught:
        function(*arguments)
    return [item.code for item in caught.value.diagnostics], caught.value.exit


def everything(admin):
    """Return every file below a home, except git's own."""
    home = Path(admin.paths.home)
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and ".git" not in path.parts}


@pytest.fixture
def data(admin):
    """The data of two instances, of which one is declared, and of the front."""
    admin.declare("blog")
    for name, start in (("blog", 589824), ("club", 655360), ("front", 524288)):
        records.write_block(admin.paths, name, start)
        files.write_atomic(f"{admin.paths.instance(name)}/volumes/pages/index", b"walks")
        files.write_atomic(f"{admin.paths.public}/{name}/content/picture", b"sea")
    admin.write("notes/blog.md", "- Kim knows\n")
    return admin


def test_an_instance_that_was_never_applied_is_removed(data):
    done = remove("blog", asked("blog"), Quiet())
    assert done.exit is Exit.OK
    assert not (data.own / "instances/blog.yaml").exists()
    assert "recipe: wordpress" in data.read("removed/blog.yaml")
    assert done.data["data"] == [data.paths.instance("blog"), f"{data.paths.public}/blog"]
    assert done.lines == (
        "blog is stopped and no longer served",
        f"  its data: {data.paths.instance('blog')}",
        f"  its data: {data.paths.public}/blog",
        "to restore it: chainsaw rollback blog; to delete it for good: chainsaw remove blog --purge",
    )


def test_it_is_removed_once_however_often(data):
    remove("blog", asked("blog"), Quiet())
    before = everything(data)
    assert remove("blog", asked("blog"), Quiet()).exit is Exit.OK
    assert everything(data) == before


def test_an_instance_that_cannot_be_stopped_stays_declared(admin):
    admin.declare("blog")
    admin.apply()
    assert refused(remove, "blog", asked("blog"), Quiet())[1] is Exit.HOST
    assert "recipe: wordpress" in admin.read("instances/blog.yaml")
    assert not (admin.own / "removed/blog.yaml").exists()
    assert refused(purge, "blog", asked("blog"), Quiet())[1] is Exit.HOST
    assert "recipe: wordpress" in admin.read("instances/blog.yaml")


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_could_not_be_a_name_is_refused_before_it_becomes_a_path(data, podman, name):
    before = everything(data)
    for function in (remove, purge):
        assert refused(function, name, asked(name), Quiet()) == (["instance-name"], Exit.INVALID)
    assert refused(deleted_by, name) == (["instance-name"], Exit.INVALID)
    assert everything(data) == before
    assert podman.read_text() == ""


def test_a_name_of_nothing_is_refused_with_a_suggestion(data, podman):
    for function in (remove, purge):
        with pytest.raises(ChainsawError) as caught:
            function("blgo", asked("blgo"), Quiet())
        assert caught.value.exit is Exit.MISSING
        assert str(caught.value) == "no instance 'blgo'; did you mean blog?"
        assert caught.value.diagnostics[0].hint == "instances: blog, club"


def test_a_purge_leaves_nothing_of_an_instance_and_all_of_the_others(data, podman):
    before = everything(data)
    done = purge("blog", asked("blog"), Quiet())
    assert done.lines[0] == "blog is deleted for good"
    left = everything(data)
    assert not [path for path in left if "blog" in path]
    assert before - left == {path for path in before if "blog" in path}
    assert records.read_blocks(data.paths) == {"club": 655360, "front": 524288}


def test_a_purge_is_recorded_with_its_reason(data, podman):
    data.git("init", "-q", "-b", "main")
    data.git("add", "-A")
    data.git("commit", "-qm", "What was there")
    purge("blog", asked("blog", why="the owner moved"), Quiet())
    assert data.subjects()[0] == "purge: blog"
    assert "blog: deleted for good" in data.git("log", "-1", "--format=%B")
    assert "the owner moved" in data.git("log", "-1", "--format=%B")
    assert sorted(data.changed_by()) == ["instances/blog.yaml", "notes/blog.md"]
    assert data.git("status", "--porcelain", "--untracked-files=no") == ""


def test_an_unrecorded_purge_is_not_in_the_history(data, podman):
    data.git("init", "-q", "-b", "main")
    purge("blog", asked("blog", recorded=False), Quiet())
    assert data.git("log", check=False) == ""
    assert not [path for path in everything(data) if "blog" in path]


def test_data_that_nobody_declares_can_be_purged(data, podman):
    purge("club", asked("club"), Quiet())
    assert not [path for path in everything(data) if "club" in path]


@pytest.mark.parametrize("kind", ["error:{}", "error:{}+"])
def test_an_interrupted_purge_can_be_repeated_at_every_step(data, podman, monkeypatch, kind):
    for number in range(1, 30):
        monkeypatch.setenv("CHAINSAW_FAULT", kind.format(number))
        data.declare("blog")
        records.write_block(data.paths, "blog", 589824)
        files.write_atomic(f"{data.paths.instance('blog')}/secrets/key", b"secret")
        data.write("notes/blog.md", "- Kim knows\n")
        try:
            purge("blog", asked("blog"), Quiet())
            break
        except OSError:
            monkeypatch.delenv("CHAINSAW_FAULT")
        assert purge_again("blog")
        assert not [path for path in everything(data) if "blog" in path]
    assert number > 5, "there are more steps than that"


def purge_again(name):
    """Return whether a purge succeeds, or was finished already."""
    try:
        return purge(name, asked(name), Quiet()).exit is Exit.OK
    except ChainsawError as error:
        return error.exit is Exit.MISSING


def test_ids_are_reserved_until_everything_of_the_instance_is_deleted(data, podman, monkeypatch):
    monkeypatch.setenv("CHAINSAW_FAULT", "error:1+")
    with pytest.raises(OSError, match="fault"):
        purge("club", asked("club"), Quiet())
    assert records.read_blocks(data.paths)["club"] == 655360
    assert os.listdir(data.paths.instance("club")) == ["record.json"]


def test_a_new_instance_does_not_get_the_data_of_one_that_was_removed(data):
    before = everything(data)
    with pytest.raises(ChainsawError) as caught:
        new("static", "club", None, (), Quiet())
    (problem,) = caught.value.diagnostics
    assert (problem.code, caught.value.exit) == ("data-left", Exit.INVALID)
    assert problem.file == data.paths.instance("club")
    assert problem.hint == "chainsaw rollback club restores it; chainsaw remove club --purge deletes it"
    files.remove_tree(data.paths.instance("club"))
    assert refused(new, "static", "club", None, (), Quiet()) == (["data-left"], Exit.INVALID)
    files.remove_tree(f"{data.paths.public}/club")
    assert new("static", "club", None, (), Quiet()).exit is Exit.OK
    assert before - everything(data) == {path for path in before if "/club/" in path}


def test_what_would_be_deleted_is_shown_before(data, podman):
    rows = deleted_by("blog").table.rows
    assert [row[:2] for row in rows] == [
        ("file", data.paths.instance_file("blog")),
        ("data", data.paths.instance("blog")),
        ("data", f"{data.paths.public}/blog"),
        ("note", data.paths.notes_file("blog")),
    ]
    assert [row[2].endswith("kB") for row in rows] == [False, True, True, False]


class Impatient(Quiet):
    """A reporter that does not wait."""

    def note(self, text):
        raise TimeoutError(text)


@pytest.mark.parametrize("work", [lambda report: purge("blog", asked("blog"), report), prune])
def test_nothing_is_deleted_while_another_chainsaw_is_at_work(data, podman, work):
    files.write_atomic(f"{data.paths.static}/wiki-1.partial/index.html", b"")
    before = everything(data)
    with (
        another_chainsaw(data.paths.site_lock, "chainsaw apply"),
        pytest.raises(TimeoutError, match="waiting for another chainsaw: chainsaw apply"),
    ):
        work(Impatient())
    lost = {path.rpartition("/")[2] for path in before - everything(data)}
    assert lost <= {"blog.yaml", "site"}
    assert podman.read_text() == ""


@pytest.fixture
def blog(goldens):
    """A WordPress."""
    return goldens["wordpress"].manifest.instances["blog"]


def version(deployment, name, digest):
    """Return an instance in a version of its recipe, with an image of that version."""
    need = deployment.images[0].model_copy(update={"reference": f"localhost/chainsaw/wordpress-app:{digest}"})
    host = f"{name}.example.org"
    return deployment.model_copy(
        update={
            "name": name,
            "digest": digest * 64,
            "images": (need,),
            "routes": (Route(host=host, path="/"),),
            "static": None,
        }
    )


def have(admin, *digests):
    """Put images and installed recipes of some versions in place."""
    places = [admin.paths.installed("chainsaw/wordpress", digest * 64) for digest in digests]
    for place in places:
        files.write_atomic(f"{place}/recipe.yaml", b"name: wordpress\n")
    names = [f'{{"names": ["localhost/chainsaw/wordpress-app:{digest}"]}}' for digest in digests]
    listed = f"{admin.paths.data}/containers/storage/overlay-images/images.json"
    files.write_atomic(listed, f'[{",".join(names)}, {{"names": ["docker.io/library/debian:trixie"]}}]'.encode())
    return places


def test_images_and_recipes_stay_to_which_an_instance_could_return(admin, blog):
    places = have(admin, "a", "b", "c")
    admin.arrange(version(blog, "blog", "a"), version(blog, "club", "c"))
    manifest = admin.arrange(version(blog, "blog", "b"))
    assert [item.digest[0] for item in versions_of_rest(admin.paths, manifest)] == ["b", "a", "b"]
    assert unused_recipes(admin.account, manifest) == places[2:], "nobody returns to what was removed"
    assert unused_images_of(admin.account, manifest) == ["localhost/chainsaw/wordpress-app:c"]


def test_a_recipe_that_was_installed_by_name_is_kept(admin, blog):
    (place,) = have(admin, "a")
    files.replace_link(admin.paths.recipe_link("chainsaw", "wordpress"), place.rpartition("/")[2])
    manifest = admin.arrange()
    assert unused_recipes(admin.account, manifest) == [admin.paths.recipe_link("chainsaw", "wordpress"), place]
    records.write_chosen(admin.paths, ["chainsaw/wordpress"])
    assert unused_recipes(admin.account, manifest) == []


def test_uninstall_deletes_what_is_unused(data, podman, blog):
    unused, used = have(data, "a", "b")
    files.replace_link(data.paths.recipe_link("chainsaw", "wordpress"), used.rpartition("/")[2])
    records.write_chosen(data.paths, ["chainsaw/wordpress", "club/wiki"])
    data.arrange(version(blog, "shop", "b"))
    done = uninstall("wordpress", Quiet())
    assert done.data["recipe"] == "chainsaw/wordpress"
    assert done.data["used_by"] == ["shop"]
    assert unused in done.data["deleted"]
    assert (files.exists(unused), files.exists(used)) == (False, True)
    assert records.read_chosen(data.paths) == ("club/wiki",)


def test_a_recipe_that_is_not_installed_cannot_be_uninstalled(admin):
    records.write_chosen(admin.paths, ["chainsaw/wiki", "club/wiki"])
    for name, message, hint in (
        ("wikki", "wikki was not installed; did you mean wiki?", "installed: chainsaw/wiki, club/wiki"),
        ("wiki", "wiki is from chainsaw/wiki and club/wiki", "chainsaw uninstall chainsaw/wiki"),
    ):
        with pytest.raises(ChainsawError) as caught:
            uninstall(name, Quiet())
        (problem,) = caught.value.diagnostics
        assert (problem.code, problem.message, problem.hint) == ("not-installed", message, hint)
        assert caught.value.exit is Exit.MISSING
    assert records.read_chosen(admin.paths) == ("chainsaw/wiki", "club/wiki")


def test_what_a_declared_instance_will_need_stays(admin, blog):
    (place,) = have(admin, "a")
    files.replace_link(admin.paths.recipe_link("chainsaw", "wordpress"), place.rpartition("/")[2])
    admin.declare("blog")
    assert unused_recipes(admin.account, admin.arrange()) == []


def test_what_is_unused_is_listed_with_the_command_that_deletes_it(data, podman, blog):
    data.arrange(version(blog, "shop", "a"))
    have(data, "a", "b")
    files.write_atomic(f"{data.paths.certificates}/old.example.org/chain.pem", b"")
    files.write_atomic(f"{data.paths.certificates}/shop.example.org/chain.pem", b"")
    files.write_atomic(f"{data.paths.static}/wiki-1/index.html", b"")
    files.write_atomic(f"{data.paths.static}/wiki-2.partial/index.html", b"")
    files.write_atomic(f"{data.paths.instance('blog')}/volumes/pages/upload.partial", b"an application's own")
    data.write("removed/old.yaml", "recipe: static\n")
    data.write("notes/older.md", "- Kim knew\n")
    found = [(item["kind"], item["name"]) for item in orphans().data["orphans"]]
    assert found == [
        ("data", "club"),
        ("data", "public/club"),
        ("file", "removed/old.yaml"),
        ("note", "older.md"),
        ("certificate", "old.example.org"),
        ("static", "wiki-1"),
        ("recipe", f"chainsaw/wordpress@{'b' * 16}"),
        ("image", "localhost/chainsaw/wordpress-app:b"),
        ("leftover", "wiki-2.partial"),
    ]
    fixed = {row[0]: row[3] for row in orphans().table.rows}
    assert fixed["data"] == "chainsaw remove club --purge"
    assert fixed["file"] == "chainsaw remove old --purge"
    assert fixed["note"] == "chainsaw remove older --purge"
    assert {fixed[kind] for kind in ("certificate", "static", "recipe", "image", "leftover")} == {
        "chainsaw remove --orphans"
    }


def test_a_prune_deletes_what_is_unused_and_no_data(data, podman, blog):
    data.arrange(version(blog, "shop", "a"))
    (used, unused) = have(data, "a", "b")
    files.write_atomic(f"{data.paths.certificates}/old.example.org/chain.pem", b"")
    files.write_atomic(f"{data.paths.certificates}/shop.example.org/chain.pem", b"")
    files.write_atomic(f"{data.paths.static}/wiki-1/index.html", b"")
    data.write("removed/old.yaml", "recipe: static\n")
    before = everything(data)
    reported = prune(Quiet())
    lost = before - everything(data)
    assert {path.removeprefix(".local/share/chainsaw/") for path in lost} == {
        f"recipes/chainsaw/wordpress@{'b' * 16}/recipe.yaml",
        "front/certificates/old.example.org/chain.pem",
        "static/wiki-1/index.html",
    }
    assert "image rm --ignore localhost/chainsaw/wordpress-app:b" in podman.read_text()
    assert reported.lines == (
        "deleted certificate old.example.org",
        f"deleted {data.paths.static}/wiki-1",
        f"deleted {unused}",
        "deleted localhost/chainsaw/wordpress-app:b",
    )
    assert Path(used).exists()
    assert not Path(unused).exists()


@pytest.mark.parametrize("prunes", [True, False])
def test_the_directory_of_a_source_goes_with_its_last_recipe(data, podman, blog, prunes):
    data.arrange(version(blog, "shop", "a"))
    (used,) = have(data, "a")
    place = Path(data.paths.recipes, "club")
    if prunes:
        files.write_atomic(f"{place}/wiki@{'c' * 16}/recipe.yaml", b"")
    else:
        place.mkdir()
    purge("club", asked("club", prunes=prunes), Quiet())
    assert not place.exists()
    assert Path(used).exists()


def test_with_nothing_to_prune_that_is_reported(admin, podman):
    assert prune(Quiet()).lines == ("nothing is unused",)


def test_unreadable_containers_are_not_reported_as_none(admin, podman):
    found = orphans()
    assert found.lines == ()
    assert [(item.code, item.severity) for item in found.diagnostics] == [("no-user-manager", "warning")]
