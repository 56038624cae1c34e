"""What a command does, as the user whose home a test has set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from chainsaw.host.account import Account, this_account

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def acting(work: Callable[Concatenate[Account, Parameters], Returned]) -> Callable[Parameters, Returned]:
    """Return a piece of work that is given the account as the command line would build it, anew at each call."""

    def act(*arguments: Parameters.args, **options: Parameters.kwargs) -> Returned:
        return work(this_account(), *arguments, **options)

    return act
