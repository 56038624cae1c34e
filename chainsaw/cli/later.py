"""backup, restore, update: what this version cannot do yet, and what to do until then."""

from __future__ import annotations

from typing import NoReturn

from chainsaw.cli.arguments import json_option, optional_instance_argument
from chainsaw.cli.command import command
from chainsaw.errors import ChainsawError, Diagnostic


def _not_yet(message: str, hint: str) -> NoReturn:
    raise ChainsawError(Diagnostic("not-yet", f"not in this version: {message}", hint=f"until then: {hint}"))


@command("backup", "chainsaw backup blog", "chainsaw backup blog --explain")
@optional_instance_argument
@json_option
def backup(name: str | None, as_json: bool) -> None:
    """The copy will hold its files, its data and its secrets. This version makes none, and says how to do it by hand.

    With --explain it prints the commands.
    """
    name = name or "NAME"
    _not_yet(
        "chainsaw backup will keep a copy of an instance with its data, for chainsaw restore",
        f"stop it, copy what chainsaw inventory {name} lists, start it; chainsaw backup {name} --explain shows how",
    )


@command("restore", "chainsaw restore blog", "chainsaw restore blog --explain")
@optional_instance_argument
@json_option
def restore(name: str | None, as_json: bool) -> None:
    """Its data will become what it was then. This version does nothing, and says how to do it by hand.

    With --explain it prints the commands. `chainsaw rollback NAME` works: it returns units, routes and your files to an
    earlier state, and changes no data.
    """
    name = name or "NAME"
    _not_yet(
        "chainsaw restore will give an instance the data of a backup again",
        f"stop it, put back what you copied by hand, start it; chainsaw restore {name} --explain shows how",
    )


@command("update", "chainsaw update blog", "chainsaw update blog --explain")
@optional_instance_argument
@json_option
def update(name: str | None, as_json: bool) -> None:
    """Its data will be copied before. This version does nothing, and says which commands to use today.

    With --explain it prints them.
    """
    name = name or "NAME"
    _not_yet(
        "chainsaw update will bring an instance to the newest version of its recipe, after a backup",
        f"copy it as chainsaw backup {name} --explain shows; then chainsaw install RECIPE, and chainsaw apply {name}",
    )
