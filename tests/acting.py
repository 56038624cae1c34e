"""What a command does, as the user whose home a test has set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from chainsaw.host.account import Account, this_account

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def acting(work: Callable[Concatenate[Account, Parameters], Returned]) -> Callable[Parameters, Returned]:
    """Return a function of work/ that gets the account from here, as from the command line: a new one at each call."""

    def act(*arguments: Parameters.args, **options: Parameters.kwargs) -> Returned:
        return work(this_account(), *arguments, **options)

    return act
