"""What this version cannot do yet says so, and what to do until then."""

from __future__ import annotations

import pytest

from chainsaw.cli.verbs import FUNCTIONS
from chainsaw.errors import Exit

LATER = {
    "update": (
        "chainsaw update will bring an instance to the newest version of its recipe, after a backup",
        "chainsaw backup blog; then chainsaw install RECIPE, and chainsaw apply blog",
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
