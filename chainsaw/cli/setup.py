"""setup."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, progress, show
from chainsaw.work.setup import setup as prepare


@click.command(
    epilog="\b\nExamples:\n  sudo chainsaw setup\n  sudo chainsaw setup --user www --dry-run\n"
    "  sudo chainsaw setup --blocks +64"
)
@click.option("--user", metavar="NAME", help="Whom to prepare for; who called sudo when left out.")
@click.option(
    "--blocks", metavar="N", default="64", show_default=True, help="How many instances it is for; +N for more."
)
@click.option(
    "--driver", type=click.Choice(["overlay", "fuse-overlayfs"]), help="Storage driver, instead of the fitting one."
)
@click.option("--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")
@json_option
def setup(user: str | None, blocks: str, driver: str | None, dry_run: bool, as_json: bool) -> None:
    """Prepare this host for a user; run as root, and run again, it does only what is missing.

    It provides subordinate ids, services without a login, ports from 80 on, a journal that is kept, a storage driver,
    and names for the ids of instances.
    """
    with progress() as report:
        result = prepare(user, blocks, driver, dry_run, report)
    show("setup", result, as_json)
