"""Arguments that many commands take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def complete_instance(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the instances whose name begins so, for the shell."""
    from chainsaw.work.config.names import instance_names

    return [name for name in instance_names() if name.startswith(incomplete)]


def instance_argument(function: Function) -> Function:
    """Add the argument NAME, an instance."""
    return click.argument("name", shell_complete=complete_instance)(function)


def instances_argument(function: Function) -> Function:
    """Add the argument [NAME]..., any number of instances."""
    return click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_instance)(function)


def why_option(function: Function) -> Function:
    """Add the option -m, for those who read the history."""
    option = click.option("-m", "--message", "why", default="", metavar="WHY", help="Why, for chainsaw history.")
    return option(function)


def explain_option(function: Function) -> Function:
    """Add the option --explain, for commands that know best themselves what they stand for."""
    return click.option("--explain", is_flag=True, help="Print the commands that it stands for, and do nothing.")(
        function
    )
