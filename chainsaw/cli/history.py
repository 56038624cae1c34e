"""history, diff, note."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli.arguments import instance_argument, json_option, optional_instance_argument
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command("history", "chainsaw history", "chainsaw history blog --diff", "chainsaw history blog -n 3 --json")
@optional_instance_argument
@click.option("--diff", "with_diff", is_flag=True, help="Show what each entry changed in your files.")
@click.option("-n", "--entries", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@json_option
def history(account: Account, name: str | None, with_diff: bool, entries: int, as_json: bool) -> None:
    """The newest entry comes first. Without a NAME it covers all instances.

    It is the log of the git repository that your files are in; what you commit there by hand is part of it.
    """
    from chainsaw.work.history import history

    show("history", history.history(account, name, entries, with_diff), as_json)


@command("diff", "chainsaw diff", "chainsaw diff blog", "chainsaw diff blog --generation 12")
@optional_instance_argument
@click.option(
    "--generation", "number", type=click.IntRange(1), metavar="N", help="Compare with this one, not the current one."
)
@json_option
def diff(account: Account, name: str | None, number: int | None, as_json: bool) -> None:
    """Without a NAME all of your files are compared."""
    from chainsaw.work.history import diff

    show("diff", diff.diff(account, name, number), as_json)


@command("note", "chainsaw note blog 'Kim knows the password of the mail account'")
@instance_argument
@click.argument("text", cls=RecordedArgument)
@json_option
def note(account: Account, name: str, text: str, as_json: bool) -> None:
    """`chainsaw history NAME` and `chainsaw status NAME` show it."""
    from chainsaw.work.history import notes

    with progress() as report:
        result = notes.note(account, name, text, report)
    show("note", result, as_json)
