"""The part of a command line that the audit record shows: a value only where its argument or option is declared so.

A new option is hidden by default, so that no secret gets into the journal by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import click
from click.core import ParameterSource

HIDDEN = "(not shown)"
Show = Callable[[Any], str]


class RecordedArgument(click.Argument):
    """An argument that the audit record shows: as it is, or as `shows` makes it."""

    def __init__(self, *declarations: Any, shows: Show = str, **attributes: Any) -> None:
        """Store how a value is shown; everything else goes to click."""
        super().__init__(*declarations, **attributes)
        self.shows = shows


class RecordedOption(click.Option):
    """An option whose value the audit record shows: as it is, or as `shows` makes it."""

    def __init__(self, *declarations: Any, shows: Show = str, **attributes: Any) -> None:
        """Store how a value is shown; everything else goes to click."""
        super().__init__(*declarations, **attributes)
        self.shows = shows


def key_alone(assignment: str) -> str:
    """Return KEY=VALUE without the value."""
    key, equals, _ = assignment.partition("=")
    return f"{key}={HIDDEN}" if equals else HIDDEN


def without_password(url: str) -> str:
    """Return a URL without what may be a password: the user part, and everything after a question mark."""
    bare = re.sub(r"^([^/?#]*//)[^/?#]*@", rf"\1{HIDDEN}@", url)
    return re.sub(r"[?#].*", f"?{HIDDEN}", bare, flags=re.DOTALL)


def file_name(file: Any) -> str:
    """Return the name of an open file."""
    return str(file.name)


def recorded_words(ctx: click.Context) -> Iterator[str]:
    """Yield the command line as click parsed it, without hidden values: arguments first, then options."""
    for item in sorted(ctx.command.params, key=lambda item: isinstance(item, click.Option)):
        name = item.name or ""
        value = ctx.params.get(name)
        option = [item.opts[0]] if isinstance(item, click.Option) else []
        if isinstance(item, click.Option) and item.is_flag:
            yield from option if value is True or (value and value == item.flag_value) else []
        elif value is not None and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            for one in value if item.nargs != 1 or getattr(item, "multiple", False) else [value]:
                yield from [*option, _shown(item, one)]


def _shown(item: click.Parameter, value: Any) -> str:
    return item.shows(value) if isinstance(item, RecordedArgument | RecordedOption) else HIDDEN
