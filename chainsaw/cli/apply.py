"""plan, apply, render."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli.arguments import explain_option, instances_argument, json_option, why_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.work.apply import unchanged
from chainsaw.work.result import Request

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command("plan", "chainsaw plan", "chainsaw plan blog --json")
@instances_argument
@click.option("--force", is_flag=True, help="Plan to overwrite generated files that were edited by hand.")
@explain_option
@json_option
def plan(account: Account, names: tuple[str, ...], force: bool, explain: bool, as_json: bool) -> None:
    """Without a NAME it covers all instances. Nothing is changed."""
    with progress() as report:
        request = Request(names, dry_run=True, force=force, command="plan", explained=explain)
        result = unchanged.apply(account, request, report)
    show("plan", result, as_json)


@command("apply", "chainsaw apply", "chainsaw apply blog", "chainsaw apply --dry-run --json")
@instances_argument
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Overwrite generated files that were edited by hand.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is running.")
@click.option("--timings", is_flag=True, help="Show how many seconds each step took.")
@why_option
@explain_option
@json_option
def apply(
    account: Account,
    names: tuple[str, ...],
    dry_run: bool,
    force: bool,
    no_wait: bool,
    timings: bool,
    why: str,
    explain: bool,
    as_json: bool,
) -> None:
    """Without a NAME it covers all instances.

    What is up to date already is not touched. An instance that does not start is rolled back to its earlier state,
    and the others continue; the exit code is then 3.
    """
    with progress() as report:
        request = Request(names, dry_run or explain, force, not no_wait, why=why, explained=explain, timings=timings)
        result = unchanged.apply(account, request, report)
    show("plan" if request.dry_run else "apply", result, as_json)


@command("render", "chainsaw render", "chainsaw render --out /tmp/units")
@click.option("--out", metavar="DIR", type=click.Path(), help="Write the files below DIR, which must be empty.")
@json_option
def render(account: Account, out: str | None, as_json: bool) -> None:
    """Without --out they are only listed. It needs neither Podman nor systemd."""
    from chainsaw.work.apply import render

    show("render", render.render(account, out), as_json)
