"""chainsaw notify, as a user runs it: the command is the one way that needs nobody else."""

from __future__ import annotations

import pytest

from chainsaw.errors import Exit


@pytest.fixture
def site(home):
    """Return the function that writes site.yaml."""

    def write(text):
        file = home / ".config/chainsaw/site.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return write


@pytest.mark.parametrize("verb", ["test", "list", "send"])
def test_without_notify_the_next_step_is_shown(chainsaw, verb):
    done = chainsaw("notify", verb)
    assert (done.code, done.out) == (Exit.MISSING, "")
    assert "hint: chainsaw config edit --site, and write: notify: {mail: admin}" in done.err


@pytest.mark.parametrize("verb", ["list", "send"])
def test_what_is_only_declared_is_not_used_yet(chainsaw, site, verb):
    site("notify: {command: [cat]}\n")
    assert "notify is in site.yaml, but not applied yet\n  hint: chainsaw apply" in chainsaw("notify", verb).err


def test_a_test_prints_what_the_other_side_answered(chainsaw, site):
    site("notify: {command: [cat]}\n")
    done = chainsaw("notify", "test")
    assert (done.code, done.err) == (0, "")
    said = "ended with 0: This is a test, which you asked for with: chainsaw notify test"
    assert done.out == f"command cat: {said}\nnext: chainsaw apply\n"
    found = chainsaw("notify", "test", "--json").json["data"]
    assert found == {"channels": [{"channel": "command cat", "sent": True, "answer": said, "problem": None}]}


def test_a_test_that_fails_has_an_exit_code_and_the_problem(chainsaw, site):
    site("notify: {command: ['false'], webhook: {url: {secret: alarm}}}\n")
    done = chainsaw("notify", "test")
    assert done.code == Exit.FAILED
    assert "error: command false: ended with 1" in done.err
    assert "the secret alarm is not set\n  hint: chainsaw secret set alarm" in done.err


def test_a_faulty_site_is_refused_with_its_place(chainsaw, site):
    site("notify: {command: [~/tell]}\n")
    done = chainsaw("notify", "test")
    assert done.code == Exit.INVALID
    assert "site.yaml:1:19: notify.command: a program is written with its whole path" in done.err
