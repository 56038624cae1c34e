"""The contract for scripts: the envelope, the exit codes, and what goes to stdout and stderr."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from another import another_chainsaw

from chainsaw.cli.output import envelope
from chainsaw.errors import Diagnostic, Exit
from chainsaw.work.result import Result

BLOG = "recipe: wordpress\nroute: https://blog.example.org/\n"
BAD = "recipe: wordpess\nroute: https://blog.example.org/\n"


def test_the_envelope():
    problem = Diagnostic("code", "message", "file", 3, 4, "key", "source", "hint")
    shown = json.loads(envelope("plan", {"actions": []}, [problem], 3))
    assert shown == {
        "format": 1,
        "command": "plan",
        "data": {"actions": []},
        "diagnostics": [
            {
                "code": "code",
                "message": "message",
                "file": "file",
                "line": 3,
                "column": 4,
                "key": "key",
                "source": "source",
                "hint": "hint",
                "severity": "error",
            }
        ],
        "exit": 3,
    }
    assert list(shown) == ["format", "command", "data", "diagnostics", "exit"]


def test_the_exit_codes():
    assert {item.name: item.value for item in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "DEGRADED": 3,
        "MISSING": 4,
        "INVALID": 5,
        "HOST": 6,
        "LOCKED": 7,
    }


def test_a_result_is_frozen_and_succeeds_by_default():
    result = Result({})
    assert (result.lines, result.diagnostics, result.exit) == ((), (), Exit.OK)
    with pytest.raises(AttributeError):
        result.exit = Exit.FAILED


KEYS = {
    ("new", "static", "www"): {"instance", "recipe", "path"},
    ("render",): {"files", "out"},
    ("schema", "site"): {"schema"},
}


@pytest.mark.parametrize("words", KEYS, ids=" ".join)
def test_the_keys_of_a_report(chainsaw, words):
    done = chainsaw(*words, "--json")
    assert (done.code, done.err) == (0, "")
    assert set(done.json["data"]) == KEYS[words]
    assert (done.json["command"], done.json["diagnostics"], done.json["exit"]) == (words[0], [], 0)


FAILING = {
    ("apply", "--nonsense"): Exit.USAGE,
    ("nonsense",): Exit.USAGE,
    ("new",): Exit.USAGE,
    ("schema", "nonsense"): Exit.USAGE,
    ("ca",): Exit.MISSING,
    ("secret", "show", "blog", "admin_password"): Exit.MISSING,
    ("secret", "show", "../blog", "admin_password"): Exit.INVALID,
    ("secret", "show", "blog", "../admin_password"): Exit.INVALID,
    ("render",): Exit.INVALID,
    ("plan",): Exit.INVALID,
    ("apply",): Exit.INVALID,
    ("new", "no-such-recipe", "cloud"): Exit.INVALID,
    ("new", "wordpress", "blog"): Exit.FAILED,
    ("setup", "--user", "nobody-of-this-name"): Exit.MISSING,
    ("setup", "--user", "root"): Exit.USAGE,
}


@pytest.mark.parametrize("words", FAILING, ids=" ".join)
def test_a_failure_speaks_the_envelope_and_nothing_else(chainsaw, instance, words):
    instance("blog", BAD)
    done = chainsaw(*words, "--json")
    assert done.code == FAILING[words]
    assert done.err == ""
    assert list(done.json) == ["format", "command", "data", "diagnostics", "exit"]
    assert done.json["exit"] == done.code
    assert done.json["data"] == {}
    assert done.json["command"] == words[0]
    assert done.json["diagnostics"]
    for item in done.json["diagnostics"]:
        assert item["severity"] == "error"
        assert item["code"]
        assert item["message"]


@pytest.mark.parametrize("words", FAILING, ids=" ".join)
def test_a_failure_prints_on_stderr_alone(chainsaw, instance, words):
    instance("blog", BAD)
    done = chainsaw(*words)
    assert done.code == FAILING[words]
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert "Usage: " not in done.err
    assert "Traceback" not in done.err


WRONG = [words for words, code in FAILING.items() if code == Exit.USAGE]


@pytest.mark.parametrize("words", [*WRONG, ("remove",), ("rollback", "--to", "x"), ("source", "ad")], ids=" ".join)
def test_wrong_usage_is_an_error_like_any_other_with_a_hint(chainsaw, words):
    first, *_, last = chainsaw(*words).err.splitlines()
    assert first.startswith("error: ")
    assert last.startswith("  hint: ")
    (problem,) = chainsaw(*words, "--json").json["diagnostics"]
    assert (f"error: {problem['message']}", f"  hint: {problem['hint']}") == (first, last)


def test_a_word_that_looks_like_an_option_does_not_ask_for_json(chainsaw):
    done = chainsaw("note", "blog", "--", "--json")
    assert (done.code, done.out) == (Exit.MISSING, "")
    assert done.err.startswith("error: no instance 'blog'")


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_host_that_lacks_something_says_what_and_how_to_fix_it(chainsaw, instance, verb):
    instance("blog", BLOG)
    done = chainsaw(verb, "--json")
    assert done.code == Exit.HOST
    assert all(item["hint"] for item in done.json["diagnostics"])


def test_a_locked_site_is_not_changed(chainsaw, instance, home):
    instance("blog", BLOG)
    lock = home / ".local/state/chainsaw/locks/site"
    with another_chainsaw(str(lock), "chainsaw apply club"):
        done = chainsaw("apply", "--no-wait")
    assert done.code == Exit.LOCKED
    assert re.search(rf"another chainsaw is running: chainsaw apply club \(process {os.getpid()}, since ", done.err)


def test_all_faults_of_all_files_are_reported_at_once(chainsaw, instance):
    instance("blog", BLOG + "settings: {titel: Walks, debug: 5}\n")
    instance("club", "recipe: wordpress\nroute: https://blog.example.org/\ntimezone: Vienna\n")
    done = chainsaw("apply")
    assert done.code == Exit.INVALID
    places = re.findall(r"^error: (\S+): ", done.err, re.MULTILINE)
    assert places == ["instances/blog.yaml:3:12", "instances/blog.yaml:3:33", "instances/club.yaml:3:11"]


def test_one_faulty_file_keeps_apply_from_touching_anything(chainsaw, instance, home):
    instance("blog", BLOG)
    instance("club", BAD)
    assert chainsaw("apply").code == Exit.INVALID
    written = {path.name for path in home.rglob("*") if not path.is_dir()}
    assert written <= {"blog.yaml", "club.yaml", "site"}


def test_the_source_line_and_a_caret_are_shown(chainsaw, instance):
    instance("blog", BLOG + "settings:\n  titel: Walks\n")
    assert chainsaw("apply").err == (
        "error: instances/blog.yaml:4:3: settings.titel: unknown setting; did you mean title?\n"
        "    titel: Walks\n"
        "    ^\n"
        "  hint: settings of wordpress: title, tagline, debug\n"
    )


def on_a_terminal(home, *words, **variables):
    """Return what a command writes to a terminal as its stderr."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "HOME": str(home), "TERM": "xterm", **variables}
    argv = [sys.executable, "-m", "chainsaw", *words]
    subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, stderr=terminal, check=False)
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(controller, 65536):
            shown += chunk
    except OSError:
        pass
    os.close(controller)
    return shown.decode()


def test_colours_are_for_terminals_that_want_them(home, instance, chainsaw):
    instance("blog", BAD)
    assert "\x1b[31m" in on_a_terminal(home, "render")
    assert "\x1b" not in on_a_terminal(home, "render", NO_COLOR="1")
    assert "\x1b" not in chainsaw("render").err


@pytest.mark.parametrize("words", [("schema", "recipe"), ("render",)], ids=" ".join)
def test_a_pipe_that_closes_early_is_no_error(home, words):
    argv = [sys.executable, "-m", "chainsaw", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == Exit.FAILED
