"""restore and show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli.arguments import json_option
from chainsaw.cli.backup import identity_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument, RecordedOption, without_password

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command(
    "restore",
    "chainsaw restore blog",
    "chainsaw restore /mnt/usb/blog-20261201T031500Z-x7k2.tar.zst.age --identity key.txt",
    "chainsaw restore blog --as blog-then --route https://then.example.org/",
    "chainsaw restore blog --at '2026-12-01 12:00'",
    "chainsaw restore blog --file content/uploads/2026/picture.jpg",
)
@click.argument("backup", cls=RecordedArgument)
@click.option(
    "--as", "name", cls=RecordedOption, default="", metavar="NAME", help="Restore it beside, under this name."
)
@click.option(
    "--route",
    cls=RecordedOption,
    shows=without_password,
    default="",
    metavar="URL",
    help="Where it is published; default: where it was, or with --as https://NAME.localhost/.",
)
@identity_option
@click.option("--config-only", is_flag=True, help="Only its file and the version of its recipe; its data stays.")
@click.option("--volume", cls=RecordedOption, default="", metavar="VOLUME", help="Only the files of one volume.")
@click.option(
    "--file",
    "file",
    cls=RecordedOption,
    default="",
    metavar="PATH",
    help="Only one file that is gone now: VOLUME/PATH. Nothing is stopped.",
)
@click.option(
    "--at", cls=RecordedOption, default="", metavar="TIME", help="The newest one made until then: 2026-12-01."
)
@click.option("--no-backup", is_flag=True, help="Do not back up what is replaced.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is running.")
@json_option
def restore(
    account: Account,
    backup: str,
    name: str,
    route: str,
    identity: str | None,
    config_only: bool,
    volume: str,
    file: str,
    at: str,
    no_backup: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """BACKUP is the name of an instance, for its newest one, a name from chainsaw backups, or a file.

    The whole backup is compared with what it lists before anything is stopped. Then the instance becomes what it was:
    configuration, secrets, data and the version of its recipe. What is there now is backed up first. If it does not
    work, everything is put back. On an empty host nothing else is needed than the file, and its key.
    """
    from chainsaw.work.backup.stored import made_until
    from chainsaw.work.restore import part, restore

    if sum(map(bool, (config_only, volume, file))) > 1 or (name and (config_only or volume or file)):
        raise click.UsageError("give one of --config-only, --volume, --file and --as")
    with progress() as report:
        backup = made_until(account, backup, at) if at else backup
        choice = restore.Choice(name, route, identity or "", not no_backup, not no_wait)
        if config_only:
            result = part.restore_config(account, backup, choice, report)
        elif volume:
            result = part.restore_volume(account, backup, volume, choice, report)
        elif file:
            result = part.restore_file(account, backup, file, choice, report)
        else:
            result = restore.restore(account, backup, choice, report)
    show("restore", result, as_json)


@command("show", "chainsaw show blog", "chainsaw show blog-20261201T031500Z-x7k2 --json")
@click.argument("backup", cls=RecordedArgument)
@identity_option
@json_option
def show_command(account: Account, backup: str, identity: str | None, as_json: bool) -> None:
    """BACKUP is the name of an instance, for its newest one, a name from chainsaw backups, or a file.

    With --json it has the instance's file, too, and the settings of the site that it depends on.
    """
    from chainsaw.work.restore.show import show as shown

    show("show", shown(account, backup, identity or ""), as_json)
