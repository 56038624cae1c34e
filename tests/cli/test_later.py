"""What this version cannot do yet says so, and what to do until then."""

from __future__ import annotations

import pytest

from chainsaw.cli.verbs import FUNCTIONS
from chainsaw.errors import Exit

LATER = {
    "backup": (
        "chainsaw backup will keep a copy of an instance with its data, for chainsaw restore",
        "stop it, copy what chainsaw inventory blog lists, start it; chainsaw backup blog --explain shows how",
    ),
    "restore": (
        "chainsaw restore will give an instance the data of a backup again",
        "stop it, put back what you copied by hand, start it; chainsaw restore blog --explain shows how",
    ),
    "update": (
        "chainsaw update will bring an instance to the newest version of its recipe, after a backup",
        "copy it as chainsaw backup blog --explain shows; then chainsaw install RECIPE, and chainsaw apply blog",
    ),
}


@pytest.mark.parametrize("verb", LATER)
def test_it_says_what_it_will_do_and_what_to_do_today(chainsaw, verb):
    done = chainsaw(verb, "blog")
    message, hint = LATER[verb]
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert done.err == f"error: not in this version: {message}\n  hint: until then: {hint}\n"


@pytest.mark.parametrize("verb", LATER)
def test_it_needs_no_name_to_say_so(chainsaw, verb):
    done = chainsaw(verb)
    assert done.code == Exit.FAILED
    assert "NAME" in done.err


@pytest.mark.parametrize("verb", LATER)
def test_a_script_can_tell_it_from_a_failure(chainsaw, verb):
    done = chainsaw(verb, "blog", "--json")
    assert [item["code"] for item in done.json["diagnostics"]] == ["not-yet"]


@pytest.mark.parametrize("verb", LATER)
def test_the_list_of_verbs_says_so_too(verb):
    (listed,) = FUNCTIONS[verb.title()]
    assert listed.name == verb
    assert listed.summary.startswith("Not yet: ")


def test_the_commands_to_copy_an_instance_by_hand_start_it_again(chainsaw):
    backup = chainsaw("backup", "blog", "--explain").out.splitlines()
    assert backup[0].startswith("mkdir -m 700 COPY;"), "there are secrets in it"
    assert (backup[1], backup[-1]) == ("chainsaw stop blog", "chainsaw start blog")
    restore = chainsaw("restore", "blog", "--explain").out.splitlines()
    assert (restore[0], restore[-1]) == ("chainsaw stop blog   # if it is there", "chainsaw apply blog")
