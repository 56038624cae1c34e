"""setup and doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedOption

if TYPE_CHECKING:
    from chainsaw.host.account import Account

BLOCKS = "64"


@command(
    "setup",
    "sudo chainsaw setup",
    "sudo chainsaw setup --user www --dry-run",
    "sudo chainsaw setup --blocks +64",
    "sudo chainsaw setup --undo --dry-run",
)
@click.option("--user", cls=RecordedOption, metavar="NAME", help="The user to prepare for; default: who called sudo.")
@click.option(
    "--blocks",
    cls=RecordedOption,
    metavar="N",
    default=BLOCKS,
    show_default=True,
    help="How many instances to provide ids for; +N for more.",
)
@click.option(
    "--driver",
    cls=RecordedOption,
    type=click.Choice(["overlay", "fuse-overlayfs"]),
    help="The storage driver; default: the one that fits the file system.",
)
@click.option("--undo", "undone", is_flag=True, help="Take back what setup did, once the user has no instances.")
@click.option("--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")
@json_option
def setup(user: str | None, blocks: str, driver: str | None, undone: bool, dry_run: bool, as_json: bool) -> None:
    """When run again, it does only what is missing.

    It provides subordinate ids, services without a login, ports from 80 on, a journal that is kept, a storage driver,
    and names for the ids of instances.

    With --undo it removes the files and names that it made, and lists what stays: what others use, and what somebody
    else may have wanted, too. `chainsaw uninstall --all` comes first.
    """
    from chainsaw.work.system import setup, undo

    if undone and (driver or blocks != BLOCKS):
        raise click.UsageError("--undo takes neither --blocks nor --driver")
    with progress() as report:
        result = undo.undo(user, dry_run, report) if undone else setup.setup(user, blocks, driver, dry_run, report)
    show("setup", result, as_json)


@command("doctor", "chainsaw doctor", "chainsaw doctor --fix", "chainsaw doctor --json")
@click.option("--fix", is_flag=True, help="First fix what needs no root and deletes no data, and report what was done.")
@json_option
def doctor(account: Account, fix: bool, as_json: bool) -> None:
    """Each line says ok, warn, fail or unknown, what was found, and the command that fixes it.

    It checks what setup prepares, memory and disk, the front, units, certificates and DNS. The exit code is 3 when
    something fails; a warning, or what cannot be known, does not change it.
    """
    from chainsaw.work.system import doctor

    with progress() as report:
        result = doctor.doctor(account, fix, report)
    show("doctor", result, as_json)
