"""plan, apply, rollback."""

from __future__ import annotations

import click

from chainsaw.cli.arguments import complete_instance, explain_option, instances_argument, why_option
from chainsaw.cli.output import json_option, progress, show
from chainsaw.work.glance import apply as apply_request
from chainsaw.work.result import Request


@click.command(epilog="\b\nExamples:\n  chainsaw plan\n  chainsaw plan blog --json")
@instances_argument
@click.option("--force", is_flag=True, help="Plan to overwrite generated files that were edited by hand.")
@explain_option
@json_option
def plan(names: tuple[str, ...], force: bool, explain: bool, as_json: bool) -> None:
    """Show what apply would do, for all instances or those named; nothing is changed."""
    with progress() as report:
        result = apply_request(Request(names, dry_run=True, force=force, command="plan", explained=explain), report)
    show("plan", result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw apply\n  chainsaw apply blog\n  chainsaw apply --dry-run --json")
@instances_argument
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Overwrite generated files that were edited by hand.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is at work.")
@why_option
@explain_option
@json_option
def apply(
    names: tuple[str, ...], dry_run: bool, force: bool, no_wait: bool, why: str, explain: bool, as_json: bool
) -> None:
    """Bring this host to what the files declare, for all instances or those named.

    What works already is not touched. An instance that does not come up is put back to what it was, and the others go
    on; the exit code is 3 then.
    """
    with progress() as report:
        request = Request(names, dry_run or explain, force, not no_wait, why=why, explained=explain)
        result = apply_request(request, report)
    show("plan" if request.dry_run else "apply", result, as_json)


@click.command(
    epilog="\b\nExamples:\n  chainsaw rollback blog\n  chainsaw rollback blog --to 12\n  chainsaw rollback --dry-run"
)
@click.argument("name", required=False, shell_complete=complete_instance)
@click.option("--to", "number", type=click.IntRange(1), help="Which generation; chainsaw history has them.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Overwrite what was edited by hand, and changes that were never applied.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is at work.")
@why_option
@json_option
def rollback(
    name: str | None, number: int | None, dry_run: bool, force: bool, no_wait: bool, why: str, as_json: bool
) -> None:
    """Let the instance NAME, or all, be again what they were before the last change, or in a generation.

    Units, routes and your files become what they were; data stays as it is. What was removed comes back that way, too.
    """
    from chainsaw.work.rollback import rollback as rollback_request

    with progress() as report:
        request = Request((name,) if name else (), dry_run, force, not no_wait, "rollback", why)
        result = rollback_request(name, number, request, report)
    show("rollback", result, as_json)
