"""Arguments and options that many commands take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from chainsaw.cli import complete
from chainsaw.cli.recorded import RecordedArgument, RecordedOption

Function = TypeVar("Function", bound=Callable[..., Any])


def instance_argument(function: Function) -> Function:
    """Add the argument NAME, an instance."""
    return click.argument("name", cls=RecordedArgument, shell_complete=complete.instances)(function)


def optional_instance_argument(function: Function) -> Function:
    """Add the argument [NAME], an instance or none."""
    return click.argument("name", cls=RecordedArgument, required=False, shell_complete=complete.instances_with_removed)(
        function
    )


def instances_argument(function: Function) -> Function:
    """Add the argument [NAME]..., any number of instances."""
    return click.argument(
        "names", cls=RecordedArgument, nargs=-1, metavar="[NAME]...", shell_complete=complete.instances
    )(function)


def json_option(function: Function) -> Function:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")(function)


def why_option(function: Function) -> Function:
    """Add the option -m, a reason that the history shows."""
    return click.option(
        "-m", "--message", "why", cls=RecordedOption, default="", metavar="WHY", help="Why, for chainsaw history."
    )(function)


def explain_option(function: Function) -> Function:
    """Add the option --explain, for commands whose equivalent commands depend on the state of the host."""
    return click.option("--explain", is_flag=True, help="Print the equivalent commands, and do nothing.")(function)
