"""plan, apply, rollback."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, progress, show
from chainsaw.work.glance import apply as apply_request
from chainsaw.work.result import Request


@click.command(epilog="\b\nExamples:\n  chainsaw plan\n  chainsaw plan blog --json")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--force", is_flag=True, help="Plan to overwrite generated files that were edited by hand.")
@json_option
def plan(names: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Show what apply would do, for all instances or those named; nothing is changed."""
    with progress() as report:
        result = apply_request(Request(names, dry_run=True, force=force, command="plan"), report)
    show("plan", result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw apply\n  chainsaw apply blog\n  chainsaw apply --dry-run --json")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Overwrite generated files that were edited by hand.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is at work.")
@json_option
def apply(names: tuple[str, ...], dry_run: bool, force: bool, no_wait: bool, as_json: bool) -> None:
    """Bring this host to what the files declare, for all instances or those named.

    What works already is not touched. An instance that does not come up is put back to what it was, and the others go
    on; the exit code is 3 then.
    """
    with progress() as report:
        result = apply_request(Request(names, dry_run, force, not no_wait), report)
    show("plan" if dry_run else "apply", result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw rollback\n  chainsaw rollback 12")
@click.argument("number", type=int, required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Overwrite generated files that were edited by hand.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is at work.")
@json_option
def rollback(number: int | None, dry_run: bool, force: bool, no_wait: bool, as_json: bool) -> None:
    """Return to generation NUMBER, or to the one before the current one.

    Units and routes become what they were; data stays as it is, and so do your files: the next apply follows them
    again.
    """
    from chainsaw.work.rollback import rollback as rollback_request

    with progress() as report:
        result = rollback_request(number, Request((), dry_run, force, not no_wait, "rollback"), report)
    show("rollback", result, as_json)
