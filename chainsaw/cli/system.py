"""setup and doctor."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, progress, show
from chainsaw.work.system.setup import setup as prepare


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


@click.command(epilog="\b\nExamples:\n  chainsaw doctor\n  chainsaw doctor --fix\n  chainsaw doctor --json")
@click.option("--fix", is_flag=True, help="Mend first what needs no root and takes no data, and say what was done.")
@json_option
def doctor(fix: bool, as_json: bool) -> None:
    """Examine this host: what setup prepares, what is scarce, the front, units, certificates, DNS.

    Each line says ok, warn, fail or unknown, what was found, and the command that mends it. The exit code is 3 when
    something fails; a warning, or what cannot be known, does not change it.
    """
    from chainsaw.work.system.doctor import doctor as examine

    with progress() as report:
        result = examine(fix, report)
    show("doctor", result, as_json)
