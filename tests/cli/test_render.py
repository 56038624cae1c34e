"""`chainsaw render` and `schema` need nothing but the files."""

from __future__ import annotations

import hashlib
import os

import pytest

from chainsaw.errors import Exit

BLOG = "recipe: wordpress\nroute: https://blog.example.org/\n"


def test_it_needs_no_program_at_all(program, instance, tmp_path):
    instance("blog", BLOG)
    out = tmp_path / "out"
    done = program("render", "--out", str(out), PATH="")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == sorted(done.out.splitlines())
    for line in done.out.splitlines():
        assert os.path.lexists(line)
    assert (out / "quadlets/app@blog.container").read_text().startswith("# Made by chainsaw from instances/blog.yaml.")


def test_without_a_directory_it_lists_and_writes_nothing(chainsaw, instance, home):
    instance("blog", BLOG)
    done = chainsaw("render")
    assert done.code == 0
    assert "quadlets/app@blog.container" in done.out.splitlines()
    assert not (home / ".local").exists()


def test_its_digests_are_those_of_the_files(chainsaw, instance, tmp_path):
    instance("blog", BLOG)
    data = chainsaw("render", "--out", str(tmp_path / "out"), "--json").json["data"]
    assert data["out"] == str(tmp_path / "out")
    for item in data["files"]:
        path = tmp_path / "out" / item["path"]
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == item["sha256"]


def test_a_directory_with_something_in_it_is_refused(chainsaw, instance, tmp_path):
    instance("blog", BLOG)
    (tmp_path / "mine").write_text("mine")
    done = chainsaw("render", "--out", str(tmp_path))
    assert done.code == Exit.FAILED
    assert "not empty" in done.err


def test_a_directory_that_is_there_keeps_its_mode(chainsaw, instance, tmp_path):
    instance("blog", BLOG)
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    assert chainsaw("render", "--out", str(out)).code == 0
    assert out.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_cannot_be_written_is_a_problem_and_no_traceback(chainsaw, instance, tmp_path, place):
    instance("blog", BLOG)
    (tmp_path / "file").write_text("mine")
    done = chainsaw("render", "--out", str(tmp_path / place))
    assert done.code == Exit.FAILED
    assert done.err.startswith("error: ")


def test_without_any_file_there_is_a_front_that_serves_nothing(chainsaw):
    done = chainsaw("render")
    assert done.code == 0
    assert "nginx/nginx.conf" in done.out.splitlines()
    assert not [line for line in done.out.splitlines() if "locations" in line]


@pytest.mark.parametrize("kind", ["instance", "site", "recipe"])
def test_a_schema_describes_every_key(chainsaw, kind):
    schema = chainsaw("schema", kind, "--json").json["data"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]
    for key, value in schema["properties"].items():
        assert value.get("description") or "$ref" in value, key


def test_a_schema_of_something_else_is_wrong_usage(chainsaw):
    assert chainsaw("schema", "unit").code == Exit.USAGE
