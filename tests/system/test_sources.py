"""Recipes come from git repositories, too: at a recorded commit, and never changed behind the admin's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from identity import identity

from .kills import Fault, check, kills, steps_of
from .machine import DATA, HOME, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

REPOSITORY = f"{HOME}/club"
GIT = 'cd "$0" && git -c user.name=Kim -c user.email=kim@example.org '
SERVED = """\
volumes:
  site: {public: /, seed: files, admin: true}
serve:
  files: {volume: site}
probe: {contains: Of the club}
"""


def commit(machine: Machine, message: str, *options: str) -> None:
    machine.admin(
        "sh", "-c", f'{GIT} add -A && {GIT.split("&& ")[1]} commit -q "$@"', REPOSITORY, "-m", message, *options
    )


@pytest.fixture(scope="module")
def club(machine: Machine) -> Iterator[str]:
    """Return a source with a recipe of its own, and one whose name chainsaw has, too."""
    machine.admin("git", "init", "--quiet", "--initial-branch=main", REPOSITORY)
    machine.write(f"{REPOSITORY}/recipes/pages/recipe.yaml", identity("pages", "Pages of the club") + SERVED)
    machine.write(f"{REPOSITORY}/recipes/pages/files/index.html", "<p>Of the club</p>")
    machine.write(f"{REPOSITORY}/recipes/static/recipe.yaml", identity("static") + SERVED)
    machine.write(f"{REPOSITORY}/recipes/static/files/index.html", "<p>Of the club</p>")
    commit(machine, "Begin")
    machine.chainsaw("source", "add", "club", f"file://{REPOSITORY}")
    yield "club"
    machine.purge("pages")
    machine.chainsaw("uninstall", "club/pages", code=None)
    machine.admin("test", "!", "-e", f"{DATA}/recipes/club")
    machine.chainsaw("source", "remove", "club")
    machine.admin("rm", "-rf", REPOSITORY)


def test_a_recipe_of_a_source_is_installed_and_stays_as_it_is(machine: Machine, www: str, club: str) -> None:
    assert "Pages of the club" in machine.chainsaw("search", "pages").out
    machine.chainsaw("new", "pages", "pages")
    machine.chainsaw("apply")
    assert machine.get("https://pages.localhost/").body == "<p>Of the club</p>"
    machine.write(
        f"{REPOSITORY}/recipes/pages/recipe.yaml",
        (identity("pages", "Pages of the club") + SERVED).replace('"1"', '"2"'),
    )
    commit(machine, "Go on")
    assert machine.plan() == []
    machine.chainsaw("source", "update")
    assert machine.plan() == []
    assert "updates pages" in machine.chainsaw("install", "pages").out
    assert machine.plan() != []
    machine.chainsaw("apply")
    (shown,) = (row for row in machine.json("list")["data"]["instances"] if row["name"] == "pages")
    assert shown["version"] == "2-1"


def test_a_rollback_holds_when_the_recipe_has_changed(machine: Machine, www: str, club: str) -> None:
    done = machine.chainsaw("rollback", "pages")
    assert "pages: the recipe is pages@" in done.out
    (shown,) = (row for row in machine.json("list")["data"]["instances"] if row["name"] == "pages")
    assert shown["version"] == "1-1"
    assert machine.plan() == []
    assert "nothing differs" in machine.chainsaw("diff", "pages").out
    done = machine.chainsaw("install", "pages")
    assert "pages stays at its version; to follow: chainsaw config set pages recipe pages" in done.out
    assert machine.plan() == []
    machine.chainsaw("config", "set", "pages", "recipe", "pages")
    machine.chainsaw("apply")
    (shown,) = (row for row in machine.json("list")["data"]["instances"] if row["name"] == "pages")
    assert shown["version"] == "2-1"


def test_of_two_recipes_of_one_name_the_admin_says_which(machine: Machine, www: str, club: str) -> None:
    both = machine.chainsaw("info", "static", code=5)
    assert "write chainsaw/static or club/static" in both.err
    assert "What a recipe needs at least" in machine.chainsaw("info", "club/static").out


def test_a_recipe_that_was_changed_on_this_host_is_not_run(machine: Machine, www: str, club: str) -> None:
    link = f"{DATA}/recipes/club/pages"
    written = machine.read(f"{link}/recipe.yaml")
    machine.write(f"{link}/recipe.yaml", written.replace("Pages of the club", "Pages of somebody else"))
    refused = machine.chainsaw("apply", code=5)
    assert "instances/pages.yaml" in refused.err
    assert "chainsaw install club/pages" in refused.err
    machine.write(f"{link}/recipe.yaml", written)
    assert machine.plan() == []


def test_a_rewritten_or_missing_source_is_not_followed(machine: Machine, club: str) -> None:
    commit(machine, "Another past", "--amend")
    assert "was rewritten" in machine.chainsaw("source", "update", code=5).err
    machine.admin("mv", REPOSITORY, f"{REPOSITORY}.away")
    assert "cannot be fetched" in machine.chainsaw("source", "update", "club", code=1).err
    machine.admin("mv", f"{REPOSITORY}.away", REPOSITORY)


def test_a_link_in_a_recipe_is_refused(machine: Machine, club: str) -> None:
    machine.admin("ln", "-s", "/etc/passwd", f"{REPOSITORY}/recipes/pages/passwd")
    commit(machine, "A way out")
    machine.chainsaw("source", "add", "other", REPOSITORY)
    assert "a symbolic link" in machine.chainsaw("install", "other/pages", code=5).err
    machine.chainsaw("source", "remove", "other")
    machine.admin("rm", f"{REPOSITORY}/recipes/pages/passwd")


def ssh_signer(machine: Machine) -> tuple[str, ...]:
    """Make an OpenSSH key, its public half in signer.pub, and return the options with which git signs by it."""
    machine.admin("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{HOME}/signer")
    return ("-c", "gpg.format=ssh", "-c", f"user.signingkey={HOME}/signer")


def pgp_signer(machine: Machine) -> tuple[str, ...]:
    """Make an OpenPGP key, its public half in signer.pub, and return the options with which git signs by it."""
    words = ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "kim@example.org", "ed25519"]
    machine.admin("gpg", *words)
    machine.admin("sh", "-c", "gpg --armor --export kim@example.org > signer.pub; touch signer")
    return ("-c", "gpg.format=openpgp", "-c", "user.signingkey=kim@example.org")


@pytest.mark.parametrize("signer", [ssh_signer, pgp_signer])
def test_only_signed_commits_are_taken_when_a_key_is_given(
    machine: Machine, club: str, signer: Callable[[Machine], tuple[str, ...]]
) -> None:
    sign = signer(machine)
    commit(machine, "Not signed", "--allow-empty")
    refused = machine.chainsaw("source", "add", "signed", REPOSITORY, "--key", f"{HOME}/signer.pub", code=5)
    assert "not signed" in refused.err
    words = (*sign, "commit", "-q", "--allow-empty", "-S", "-m", "Signed")
    machine.admin("sh", "-c", f'{GIT} "$@"', REPOSITORY, *words)
    machine.chainsaw("source", "add", "signed", REPOSITORY, "--key", f"{HOME}/signer.pub")
    commit(machine, "Not signed", "--allow-empty")
    assert "not signed" in machine.chainsaw("source", "update", "signed", code=5).err
    machine.chainsaw("source", "remove", "signed")
    machine.admin("rm", "-rf", f"{HOME}/signer", f"{HOME}/signer.pub", f"{HOME}/.gnupg")


# interrupted commands

URL = f"file://{REPOSITORY}"


def sources(machine: Machine) -> set[str]:
    """Return the names of the sources that were added."""
    return {item["name"] for item in machine.json("source", "list")["data"]["sources"]} - {"chainsaw"}


def leave(machine: Machine, name: str) -> None:
    """Remove a source, after which nothing of it is left."""
    machine.chainsaw("source", "remove", name)
    assert name not in machine.root("find", DATA, "-name", f"{name}*")


def test_the_steps_of_adding_updating_and_removing_a_source(machine: Machine, club: str, update: bool) -> None:
    for verb, words in (("add", ("other", URL)), ("update", ("other",)), ("remove", ("other",))):
        check(f"source-{verb}", steps_of(machine, "source", verb, *words), update=update)


@pytest.mark.parametrize("fault", kills("source-add"))
def test_an_interrupted_source_add_can_be_repeated(machine: Machine, club: str, fault: Fault) -> None:
    fault.inject(machine, "source", "add", "other", URL)
    machine.chainsaw("source", "add", "other", URL, code=5 if "other" in sources(machine) else 0)
    assert "Pages of the club" in machine.chainsaw("info", "other/pages").out
    leave(machine, "other")


@pytest.mark.parametrize("fault", kills("source-update"))
def test_an_interrupted_source_update_can_be_repeated(machine: Machine, club: str, fault: Fault) -> None:
    machine.chainsaw("source", "add", "other", URL)
    commit(machine, "Go on", "--allow-empty")
    fault.inject(machine, "source", "update", "other")
    machine.chainsaw("source", "update", "other")
    head = machine.admin("git", "-C", REPOSITORY, "rev-parse", "HEAD").strip()
    assert head in {item["commit"] for item in machine.json("source", "list")["data"]["sources"]}
    leave(machine, "other")


@pytest.mark.parametrize("fault", kills("source-remove"))
def test_an_interrupted_source_remove_can_be_repeated(machine: Machine, club: str, fault: Fault) -> None:
    machine.chainsaw("source", "add", "other", URL)
    fault.inject(machine, "source", "remove", "other")
    machine.chainsaw("source", "remove", "other", code=0 if "other" in sources(machine) else 4)
    assert machine.root("find", DATA, "-name", "other*") == ""
