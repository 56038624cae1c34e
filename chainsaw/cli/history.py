"""history, diff, note."""

from __future__ import annotations

import click

from chainsaw.cli.arguments import complete_instance, instance_argument
from chainsaw.cli.output import json_option, show


@click.command(
    epilog="\b\nExamples:\n  chainsaw history\n  chainsaw history blog --diff\n  chainsaw history blog -n 3 --json"
)
@click.argument("name", required=False, shell_complete=complete_instance)
@click.option("--diff", "with_diff", is_flag=True, help="Show what each changed in your files.")
@click.option("-n", "--entries", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@json_option
def history(name: str | None, with_diff: bool, entries: int, as_json: bool) -> None:
    """Show what was applied when, by whom and why, newest first: for the instance NAME, or for all.

    It is the log of the git repository that your files are in; what you commit there by hand is part of it.
    """
    from chainsaw.work.history.history import history as entries_of

    show("history", entries_of(name, entries, with_diff), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw diff\n  chainsaw diff blog\n  chainsaw diff blog --generation 12")
@click.argument("name", required=False, shell_complete=complete_instance)
@click.option("--generation", "number", type=click.IntRange(1), help="Against this one, not the current one.")
@json_option
def diff(name: str | None, number: int | None, as_json: bool) -> None:
    """Show how the file of NAME, or all of your files, differ from what is applied."""
    from chainsaw.work.history.diff import diff as compare

    show("diff", compare(name, number), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw note blog 'Kim knows the password of the mail account'")
@instance_argument
@click.argument("text")
@json_option
def note(name: str, text: str, as_json: bool) -> None:
    """Keep TEXT, what somebody will want to know of the instance NAME one day; history and status show it."""
    from chainsaw.work.history.notes import note as keep

    show("note", keep(name, text), as_json)
