"""An unchanged site is recognised cheaply, and only while everything that was read is unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.model.paths import Paths
from chainsaw.work.apply import unchanged
from chainsaw.work.apply.unchanged import inputs_digest
from chainsaw.work.recipes import shipped

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An admin's home, and an installation of chainsaw with one recipe and one template, below one directory."""
    for path, text in {
        "package/recipes/wiki/recipe.yaml": "name: wiki\n",
        "package/quadlets/front.socket.j2": "[Socket]\n",
        "config/chainsaw/site.yaml": "sleep: never\n",
        "config/chainsaw/instances/blog.yaml": "recipe: wiki\n",
        "mine/recipe.yaml": "name: mine\n",
        "state/chainsaw/trials/mine.json": json.dumps({"format": 1, "directory": str(tmp_path / "mine")}),
    }.items():
        files.write_atomic(str(tmp_path / path), text.encode())
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "package")
    return tmp_path


@pytest.fixture
def snapshot(place):
    """Return the function that takes a digest of all inputs."""
    paths = Paths(str(place), str(place / "config"), str(place / "data"), str(place / "state"))
    return lambda: inputs_digest(Account("admin", 1000, paths, "/run/user/1000"))


def test_what_did_not_change_has_the_digest_that_it_had(snapshot):
    assert snapshot() == snapshot()


@pytest.mark.parametrize(
    "path",
    [
        "config/chainsaw/site.yaml",
        "config/chainsaw/instances/blog.yaml",
        "config/chainsaw/instances/new.yaml",
        "config/chainsaw/instances/new.yml",
        "config/chainsaw/instances/new",
        "config/chainsaw/site.yml",
        "package/recipes/wiki/recipe.yaml",
        "package/recipes/wiki/images/app/Containerfile",
        "package/quadlets/front.socket.j2",
        "data/chainsaw/logins/users.json",
        "data/chainsaw/secrets/smtp_password",
        "package/quadlets/parts/mariadb/my.cnf",
        "mine/recipe.yaml",
    ],
)
def test_a_change_of_any_file_that_is_read_is_seen(place, snapshot, path):
    before = snapshot()
    files.write_atomic(str(place / path), b"# another\nrecipe: wiki\n")
    changed = snapshot()
    assert changed != before
    (place / path).unlink()
    assert snapshot() != changed


def test_an_instance_under_another_name_is_another_one(place, snapshot):
    before = snapshot()
    (place / "config/chainsaw/instances/blog.yaml").rename(place / "config/chainsaw/instances/club.yaml")
    assert snapshot() != before


def test_a_recipe_that_is_tested_no_more_is_seen(place, snapshot):
    before = snapshot()
    (place / "state/chainsaw/trials/mine.json").unlink()
    assert snapshot() != before


def test_what_is_no_instance_is_passed_over(place, snapshot):
    before = snapshot()
    files.write_atomic(str(place / "config/chainsaw/instances/blog.yaml~"), b"recipe: other\n")
    files.write_atomic(str(place / "config/chainsaw/instances/notes"), b"What the recipe: said.\n")
    files.write_atomic(str(place / "config/chainsaw/instances/picture"), b"\xff\nrecipe: other\n")
    (place / "config/chainsaw/instances/site").mkdir()
    (place / "config/chainsaw/site").mkdir()
    assert snapshot() == before


@pytest.mark.parametrize(
    ("module", "name", "other"),
    [(unchanged, "__version__", "99"), (facts, "processors", lambda: 99), (facts, "has_ipv6", lambda: None)],
)
def test_another_version_and_another_host_are_seen(snapshot, monkeypatch, module, name, other):
    before = snapshot()
    monkeypatch.setattr(module, name, other)
    assert snapshot() != before


@pytest.mark.parametrize("file", ["/etc/subuid", "/etc/subgid"])
def test_other_subordinate_ids_are_seen(snapshot, monkeypatch, file):
    before, read = snapshot(), files.read_text
    monkeypatch.setattr(files, "read_text", lambda path: "admin:1:1\n" if path == file else read(path))
    assert snapshot() != before


def test_an_unchanged_site_reads_no_yaml_and_no_template():
    code = "import sys, chainsaw.work.apply.unchanged; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "chainsaw.plan.diff" in imported
    heavy = ("jinja2", "ruamel", "chainsaw.load", "chainsaw.compile", "podman", "cryptography", "rich")
    assert [name for name in imported if f"{name}.".startswith(tuple(f"{part}." for part in heavy))] == []


def test_slow_modules_are_imported_only_when_something_changed():
    code = "import sys, chainsaw.cli.apply; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert "chainsaw.work.apply.unchanged" in imported
    assert "chainsaw.work.apply.apply" not in imported
