"""A version that has not shown its page yet: the front does not ask it for what it knows, and then does again."""

from __future__ import annotations

from typing import Any

import pytest

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.model.paths import Paths
from chainsaw.work.apply import tried


class Manager:
    """Says which units are up."""

    def __init__(self, *up: str) -> None:
        self.up = up

    def states(self, units):
        return {unit: "active" for unit in units if unit in self.up}


@pytest.fixture
def account(tmp_path):
    return Account("admin", 1000, Paths.of(str(tmp_path), {}), str(tmp_path / "run"))


@pytest.fixture
def blog(goldens):
    return goldens["wordpress"].manifest.instances["blog"]


def is_asked(account, name):
    return files.exists(account.paths.up_file(name))


def is_tried(account, name):
    return files.exists(account.paths.tried_file(name, account.runtime))


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_trial_ends_with_the_command_however_that_ends(account, blog, error):
    manager: Any = Manager("app@blog.service")
    try:
        with tried.trials(account, manager):
            tried.begin(account, [blog])
            assert (is_tried(account, "blog"), is_asked(account, "blog")) == (True, False)
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert (is_tried(account, "blog"), is_asked(account, "blog")) == (False, True)


def test_what_is_down_after_its_trial_is_not_asked(account, blog):
    manager: Any = Manager()
    with tried.trials(account, manager):
        tried.begin(account, [blog])
    assert (is_tried(account, "blog"), is_asked(account, "blog")) == (False, False)


def test_what_a_killed_command_left_is_ended_by_the_next_proof(account, blog):
    tried.begin(account, [blog])
    account.tried.clear()
    manager: Any = Manager("app@blog.service")
    tried.end(account, manager, "blog")
    assert (is_tried(account, "blog"), is_asked(account, "blog")) == (False, True)


def test_without_pages_that_are_kept_there_is_nothing_to_try(account, blog):
    tried.begin(account, [blog.model_copy(update={"kept": ""}), blog.model_copy(update={"serving": "maintenance"})])
    assert not is_tried(account, "blog")
