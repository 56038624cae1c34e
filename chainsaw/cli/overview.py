"""list."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, show
from chainsaw.work.overview import overview as list_instances


@click.command("list", epilog="\b\nExamples:\n  chainsaw list\n  chainsaw list --json")
@json_option
def overview(as_json: bool) -> None:
    """Show every instance and what it is doing: running, asleep, starting, stopping, failed, stopped, not applied."""
    show("list", list_instances(), as_json)
