"""plan, apply, rollback."""

from __future__ import annotations

import click

from chainsaw.cli.arguments import explain_option, instances_argument, why_option
from chainsaw.cli.output import json_option, progress, show
from chainsaw.work.apply.render import render as render_site
from chainsaw.work.apply.unchanged import apply as apply_request
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


@click.command(epilog="\b\nExamples:\n  chainsaw render\n  chainsaw render --out /tmp/units")
@click.option("--out", metavar="DIR", type=click.Path(), help="Write the files below DIR, which must be empty.")
@json_option
def render(out: str | None, as_json: bool) -> None:
    """Compile what is declared to units and nginx files; needs neither Podman nor systemd."""
    show("render", render_site(out), as_json)
