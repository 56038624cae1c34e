"""Which recipe a name means: first those under test, then the installed ones, then those of sources."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from pathlib import Path

import pytest
from acting import acting
from fake import replaces
from identity import identity

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host import git as git_module
from chainsaw.host.git import Repository
from chainsaw.load.recipe import load_recipe
from chainsaw.model.paths import Paths
from chainsaw.work.recipes import sources
from chainsaw.work.recipes.catalog import Catalog, read_recipe
from chainsaw.work.recipes.installed import store_recipe
from chainsaw.work.recipes.shipped import shared_parts
from chainsaw.work.result import Reporter

add_source, update_sources = acting(sources.add_source), acting(sources.update_sources)
remove_source = acting(sources.remove_source)

SERVED = "volumes: {site: {public: /}}\nserve: {files: {volume: site}}\n"


def git(directory: Path, *words: str) -> None:
    person = ("-c", "user.name=Kim", "-c", "user.email=kim@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(directory), *person, *words], check=True, capture_output=True)


def write(directory: Path, name: str, summary: str = "Pages of somebody") -> None:
    (directory / name).mkdir(parents=True, exist_ok=True)
    (directory / name / "recipe.yaml").write_text(identity(name, summary) + SERVED)


@pytest.fixture
def paths(tmp_path, monkeypatch) -> Paths:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return Paths.of(str(tmp_path / "home"), {})


@pytest.fixture
def club(tmp_path) -> Path:
    """A repository with the recipes pages and wiki."""
    directory = tmp_path / "club"
    write(directory / "recipes", "pages", "Pages of the club")
    write(directory / "recipes", "wiki", "The club's wiki")
    git(directory.parent, "init", "--quiet", "--initial-branch=main", str(directory))
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "Begin")
    return directory


@pytest.fixture
def shipped(tmp_path) -> Path:
    """A directory of shipped recipes, with the recipe pages."""
    write(tmp_path / "shipped", "pages", "Pages of chainsaw")
    return tmp_path / "shipped"


@replaces(Reporter)
class Silent:
    """A reporter that shows nothing."""

    def doing(self, text: str) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""


def add(paths: Paths, repository: Path, key: str | None = None) -> None:
    add_source("club", str(repository), key, Silent())


def refused(function, *arguments) -> list[str]:
    with pytest.raises(ChainsawError) as caught:
        function(*arguments)
    return [item.code for item in caught.value.diagnostics]


def test_a_source_offers_the_recipes_of_its_newest_commit(paths, club, shipped):
    add(paths, club)
    catalog = Catalog(str(shipped), paths=paths)
    assert catalog.names == ["chainsaw/pages", "club/pages", "wiki"]
    assert catalog.bundle("wiki").recipe.summary == "The club's wiki"
    assert catalog.bundle("wiki").origin == "club/wiki"


def test_a_name_in_two_sources_is_ambiguous(paths, club, shipped):
    add(paths, club)
    catalog = Catalog(str(shipped), paths=paths)
    for ask in (catalog.place, catalog.choice, catalog.offer):
        assert refused(ask, "pages") == ["ambiguous-recipe"]
    assert catalog.bundle("club/pages").recipe.summary == "Pages of the club"
    assert catalog.bundle("chainsaw/pages").recipe.summary == "Pages of chainsaw"


def test_an_instance_keeps_the_recipe_that_was_installed_and_a_newcomer_has_to_choose(paths, club, shipped):
    store_recipe(paths, Catalog(str(shipped), paths=paths).bundle("pages"))
    add(paths, club)
    catalog = Catalog(str(shipped), paths=paths)
    assert catalog.bundle("pages").origin == "chainsaw/pages"
    assert refused(catalog.choice, "pages") == ["ambiguous-recipe"]


def test_an_installed_recipe_is_kept_when_its_source_has_a_new_one(paths, shipped):
    before = Catalog(str(shipped), paths=paths).bundle("pages")
    store_recipe(paths, before)
    write(shipped, "pages", "Other pages")
    catalog = Catalog(str(shipped), paths=paths)
    assert catalog.bundle("pages").recipe.summary == "Pages of chainsaw"
    offered = catalog.offer("pages")
    assert offered
    assert catalog.read(offered).recipe.summary == "Other pages"
    store_recipe(paths, catalog.read(offered))
    assert Catalog(str(shipped), paths=paths).bundle("pages").recipe.summary == "Other pages"
    assert files.exists(paths.installed("chainsaw/pages", before.digest))


def test_an_installed_recipe_that_was_changed_is_refused(paths, shipped):
    store_recipe(paths, Catalog(str(shipped), paths=paths).bundle("pages"))
    place = Path(paths.recipe_link("chainsaw", "pages"), "recipe.yaml")
    place.write_text(place.read_text().replace("Pages of chainsaw", "Pages of a stranger"))
    assert refused(Catalog(str(shipped), paths=paths).bundle, "pages") == ["recipe-changed"]


def test_a_recipe_under_test_comes_before_all_others(paths, shipped, tmp_path):
    write(tmp_path / "mine", "pages", "Pages of mine")
    catalog = Catalog(str(shipped), {"pages": str(tmp_path / "mine/pages")}, paths)
    assert catalog.bundle("pages").recipe.summary == "Pages of mine"
    assert catalog.names == ["pages"]


def test_what_a_test_found_is_no_part_of_a_recipe(shipped):
    before = read_recipe(str(shipped / "pages"), "pages").digest
    (shipped / "pages/tested.json").write_text("{}")
    assert read_recipe(str(shipped / "pages"), "pages").digest == before
    (shipped / "pages/notes").write_text("")
    assert read_recipe(str(shipped / "pages"), "pages").digest != before


def test_a_link_in_a_recipe_is_refused(shipped, club, paths):
    os.symlink("/etc/passwd", shipped / "pages/passwd")
    assert refused(read_recipe, str(shipped / "pages"), "pages") == ["recipe-link"]
    os.symlink("/etc/passwd", club / "recipes/wiki/passwd")
    git(club, "add", "-A")
    git(club, "commit", "-q", "-m", "A way out")
    add(paths, club)
    assert refused(Catalog(str(shipped), paths=paths).bundle, "wiki") == ["recipe-link"]


def commit_tree(directory: Path, *entries: tuple[str, str, str]) -> None:
    """Commit a tree with entries (mode, name, object) that git itself would not make."""
    raw = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(item) for mode, name, item in entries)
    tree = hashed(directory, "tree", raw)
    kim = "Kim <kim@example.org> 1 +0000"
    commit = f"tree {tree}\nauthor {kim}\ncommitter {kim}\n\nA way out\n"
    git(directory, "update-ref", "refs/heads/main", hashed(directory, "commit", commit.encode()))


def hashed(directory: Path, kind: str, content: bytes) -> str:
    argv = ["git", "-C", str(directory), "hash-object", "-t", kind, "-w", "--literally", "--stdin"]
    return subprocess.run(argv, input=content, check=True, capture_output=True).stdout.decode().strip()


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT"])
def test_a_tree_that_leaves_itself_is_not_fetched(paths, club, name):
    file = hashed(club, "blob", (identity("pages") + SERVED).encode())
    inner = hashed(club, "tree", b"100644 recipe.yaml\0" + bytes.fromhex(file))
    commit_tree(club, ("40000", name, inner), ("100644", "recipe.yaml", file))
    assert refused(add_source, "club", f"file://{club}", None, Silent()) == ["source-unreachable"]
    assert not files.exists(paths.source("club"))


@pytest.mark.parametrize("name", ["..", ".git"])
def test_a_tree_that_leaves_itself_is_not_read(paths, club, shipped, name):
    """Also where it came from a fetch without checks."""
    add(paths, club)
    repository = Path(paths.source("club"))
    file = hashed(repository, "blob", (identity("wiki") + SERVED).encode())
    inner = hashed(repository, "tree", f"100644 {name}\0".encode() + bytes.fromhex(file))
    wiki = hashed(
        repository,
        "tree",
        f"40000 {name}\0".encode() + bytes.fromhex(inner) + b"100644 recipe.yaml\0" + bytes.fromhex(file),
    )
    tree = hashed(repository, "tree", b"40000 wiki\0" + bytes.fromhex(wiki))
    offer = sources.Offer("club", Repository(str(repository)), tree)
    with pytest.raises(ChainsawError) as caught:
        load_recipe("club:wiki/recipe.yaml", "wiki", offer.read("wiki"), shared_parts())
    assert {item.code for item in caught.value.diagnostics} == {"recipe-path"}


def test_a_directory_whose_name_is_none_of_a_recipe_is_refused(paths, club):
    write(club, "Pages\x1b[2J")
    git(club, "add", "-A")
    git(club, "commit", "-q", "-m", "More")
    assert refused(add_source, "club", f"file://{club}", None, Silent()) == ["recipe-path"]


def test_a_recipe_has_a_largest_size(paths, shipped, club, monkeypatch):
    with (shipped / "pages/large").open("wb") as file:
        file.truncate(3 * 1024**3)
    assert refused(read_recipe, str(shipped / "pages"), "pages") == ["recipe-size"]
    monkeypatch.setattr(files, "LARGEST_TREE", 4000)
    for number in range(5):
        (club / f"recipes/wiki/{number}").write_bytes(b"x" * 1000)
    git(club, "add", "-A")
    git(club, "commit", "-q", "-m", "More")
    add(paths, club)
    assert refused(Catalog(str(shipped), paths=paths).bundle, "wiki") == ["recipe-size"]
    monkeypatch.setattr(files, "LARGEST_TREE", 10**6)
    monkeypatch.setattr(files, "MOST_FILES", 4)
    assert refused(Catalog(str(shipped), paths=paths).bundle, "wiki") == ["recipe-size"]


def test_a_source_has_a_largest_number_of_files(paths, club):
    """Few objects may be many files: here each directory has the next one a thousand times."""
    inner = hashed(club, "blob", b"x")
    for mode in ("100644", "40000", "40000"):
        entries = b"".join(f"{mode} {number:03}\0".encode() + bytes.fromhex(inner) for number in range(1000))
        inner = hashed(club, "tree", entries)
    commit_tree(club, ("40000", "many", inner))
    began = time.monotonic()
    assert refused(add_source, "club", f"file://{club}", None, Silent()) == ["source-size"]
    assert time.monotonic() - began < 20
    assert not files.exists(paths.source("club"))


def test_names_of_files_have_a_largest_size(paths, club, monkeypatch):
    monkeypatch.setattr(git_module, "LONGEST_LIST", 100)
    assert refused(add_source, "club", f"file://{club}", None, Silent()) == ["source-size"]


def test_a_fetch_writes_only_so_much(paths, club, monkeypatch):
    monkeypatch.setattr(git_module, "LARGEST_PACK", 1024**2)
    add(paths, club)
    (club / "recipes/wiki/noise").write_bytes(random.Random(1).randbytes(3 * 1024**2))
    git(club, "add", "-A")
    git(club, "commit", "-q", "-m", "Noise")
    with pytest.raises(ChainsawError, match="cannot be fetched") as caught:
        add_source("other", f"file://{club}", None, Silent())
    assert caught.value.diagnostics[0].hint == "a source has at most 1 MB, and is fetched in 15 minutes"
    assert not files.exists(paths.source("other"))
    assert refused(update_sources, ("club",), Silent()) == ["source-unreachable"]
    assert not list(Path(paths.source("club")).rglob("tmp_*"))


def test_a_fetch_takes_only_so_long(paths, monkeypatch):
    monkeypatch.setattr(git_module, "PATIENCE", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"git://127.0.0.1:{silent.getsockname()[1]}/club"
        began = time.monotonic()
        assert refused(add_source, "club", url, None, Silent()) == ["source-unreachable"]
        assert time.monotonic() - began < 10


def test_a_source_moves_on_only_to_what_follows(paths, club):
    add(paths, club)
    first = sources.read_sources(paths)["club"].commit
    git(club, "commit", "-q", "--allow-empty", "-m", "Go on")
    update_sources((), Silent())
    second = sources.read_sources(paths)["club"].commit
    assert first != second
    git(club, "commit", "-q", "--amend", "--allow-empty", "-m", "Another past")
    assert refused(update_sources, ("club",), Silent()) == ["source-rewritten"]
    assert sources.read_sources(paths)["club"].commit == second


def test_what_a_source_may_be(paths, club, tmp_path):
    add(paths, club)
    assert refused(add_source, "club", str(club), None, Silent()) == ["source"]
    assert refused(add_source, "chainsaw", str(club), None, Silent()) == ["source"]
    assert refused(add_source, "Other", "ext::sh -c true", None, Silent()) == ["source", "source"]
    assert refused(add_source, "gone", str(tmp_path / "gone"), None, Silent()) == ["source-unreachable"]
    empty = tmp_path / "empty"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(empty))
    git(empty, "commit", "-q", "--allow-empty", "-m", "Nothing")
    assert refused(add_source, "empty", str(empty), None, Silent()) == ["no-recipes"]
    assert list(sources.read_sources(paths)) == ["club"]
    assert files.list_directory(f"{paths.root}/sources") == ["club.git"]


def test_a_name_of_no_source_is_not_found(paths, club):
    add(paths, club)
    with pytest.raises(ChainsawError) as caught:
        remove_source("clbu", Silent())
    assert caught.value.exit is Exit.MISSING
    assert "did you mean club?" in str(caught.value)


def test_a_missing_repository_is_fetched_again(paths, club, shipped):
    add(paths, club)
    files.remove_tree(paths.source("club"))
    assert refused(lambda: Catalog(str(shipped), paths=paths).names) == ["source-missing"]
    update_sources((), Silent())
    assert "wiki" in Catalog(str(shipped), paths=paths)


@pytest.fixture
def signer(tmp_path) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kim", "-f", str(tmp_path / "signer")], check=True
    )
    return tmp_path / "signer"


def test_a_key_lets_only_signed_commits_in(paths, club, signer):
    key = Path(f"{signer}.pub").read_text()
    assert refused(add, paths, club, key) == ["source-unsigned"]
    sign = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={signer}")
    git(club, *sign, "commit", "-q", "--allow-empty", "-S", "-m", "Signed")
    add(paths, club, key)
    git(club, "commit", "-q", "--allow-empty", "-m", "Not signed")
    assert refused(update_sources, (), Silent()) == ["source-unsigned"]
    files.remove(paths.source_key("club"))
    assert refused(update_sources, (), Silent()) == ["source-key"]


def test_a_key_of_somebody_else_lets_nothing_in(paths, club, signer, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    sign = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={signer}")
    git(club, *sign, "commit", "-q", "--allow-empty", "-S", "-m", "Signed")
    assert refused(add, paths, club, (tmp_path / "other.pub").read_text()) == ["source-unsigned"]


def test_a_version_is_found_wherever_it_is(paths, club, shipped):
    add(paths, club)
    first = Catalog(str(shipped), paths=paths).bundle("wiki")
    store_recipe(paths, first)
    write(club / "recipes", "wiki", "A wiki, and more")
    git(club, "commit", "-q", "-a", "-m", "More")
    update_sources((), Silent())
    catalog = Catalog(str(shipped), paths=paths)
    assert catalog.bundle("wiki").digest == first.digest
    offered = catalog.offer("wiki")
    assert offered is not None
    second = catalog.read(offered)
    for bundle in (first, second):
        assert catalog.version("club/wiki", bundle.digest).recipe.summary == bundle.recipe.summary
    assert refused(catalog.version, "club/wiki", "0" * 64) == ["version-missing"]


def test_a_source_with_two_recipes_of_one_name_is_refused(paths, club):
    (club / "wiki").mkdir()
    (club / "wiki/recipe.yaml").write_bytes((club / "recipes/wiki/recipe.yaml").read_bytes())
    git(club, "add", "-A")
    git(club, "commit", "-q", "-m", "Twice")
    assert refused(add, paths, club) == ["recipe-twice"]
    assert not files.exists(paths.source("club"))


def test_a_large_file_is_refused(paths, club):
    (club / "recipes/wiki/dump").write_bytes(b"0" * (5 * 1024 * 1024))
    git(club, "add", "-A")
    git(club, "commit", "-q", "-m", "Large")
    add(paths, club)
    repository = Repository(paths.source("club"))
    commit = sources.read_sources(paths)["club"].commit
    (large,) = (entry for entry in repository.entries(commit) if entry.path.endswith("dump"))
    assert refused(repository.read, large) == ["file-too-large"]
