"""restore and show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import json_option
from chainsaw.cli.backup import identity_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument, RecordedOption, without_password

if TYPE_CHECKING:
    from chainsaw.host.account import Account
    from chainsaw.work.restore.restore import Choice
    from chainsaw.work.result import Reporter, Result


@command(
    "restore",
    "chainsaw restore blog",
    "chainsaw restore /mnt/usb/blog-20261201T031500Z-x7k2.tar.zst.age --identity key.txt",
    "chainsaw restore restic:/mnt/usb/repository#blog",
    "chainsaw restore blog --as blog-then --route https://then.example.org/",
    "chainsaw restore blog --at '2026-12-01 12:00'",
    "chainsaw restore blog --file content/uploads/2026/picture.jpg",
    "chainsaw restore --site /mnt/usb/site-20261201T031500Z-x7k2.tar.zst.age --identity key.txt --from /mnt/usb",
)
@click.argument("backup", cls=RecordedArgument, shell_complete=complete.backups)
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
@click.option(
    "--site",
    "of_site",
    is_flag=True,
    help="Rebuild a host: BACKUP is a file of chainsaw backup --site, or restic:PLACE.",
)
@click.option(
    "--from",
    "places",
    cls=RecordedOption,
    multiple=True,
    metavar="PLACE",
    help="With --site: where else the instances' backups may be.",
)
@click.option("--dry-run", is_flag=True, help="With --site: show which backups are found, and change nothing.")
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
    of_site: bool,
    places: tuple[str, ...],
    dry_run: bool,
    no_backup: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """BACKUP is the name of an instance, for its newest one, a name from chainsaw backups, or a file.

    In a repository it is restic:PLACE#NAME; chainsaw secret set backup_password tells an empty host its password.
    The whole backup is compared with what it lists before anything is stopped. Then the instance becomes what it was:
    configuration, secrets, data and the version of its recipe. What is there now is backed up first. If it does not
    work, everything is put back. On an empty host nothing else is needed than the file, and its key.

    With --site a whole host comes back: first what is no instance's, then each instance from its newest backup, in the
    places where they were, beside FILE, or in those of --from. What is missing is named, and the same command goes on.
    """
    from chainsaw.work.backup.find import made_until
    from chainsaw.work.restore.restore import Choice

    if _of_site(of_site, places, dry_run, (name, route, no_backup, config_only, volume, file, at)):
        _restore_site(account, backup, identity, places, dry_run, no_wait, as_json)
        return
    if sum(map(bool, (config_only, volume, file))) > 1 or (name and (config_only or volume or file)):
        raise click.UsageError("give one of --config-only, --volume, --file and --as")
    with progress() as report:
        backup = made_until(account, backup, at) if at else backup
        choice = Choice(name, route, identity or "", not no_backup, not no_wait)
        result = _restored(account, backup, choice, config_only, volume, file, report)
    show("restore", result, as_json)


def _restored(
    account: Account, backup: str, choice: Choice, config_only: bool, volume: str, file: str, report: Reporter
) -> Result:
    """Restore an instance, or a part of it."""
    from chainsaw.work.restore import part, restore

    if config_only:
        return part.restore_config(account, backup, choice, report)
    if volume:
        return part.restore_volume(account, backup, volume, choice, report)
    if file:
        return part.restore_file(account, backup, file, choice, report)
    return restore.restore(account, backup, choice, report)


def _of_site(of_site: bool, places: tuple[str, ...], dry_run: bool, others: tuple[object, ...]) -> bool:
    """Return whether a whole host is restored; raise UsageError for options that do not go with that, or without."""
    if of_site and any(others):
        raise click.UsageError("--site goes with --identity, --from, --dry-run and --no-wait alone")
    if not of_site and (places or dry_run):
        raise click.UsageError("--from and --dry-run go with --site alone")
    return of_site


def _restore_site(
    account: Account,
    file: str,
    identity: str | None,
    places: tuple[str, ...],
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    from chainsaw.work.restore import site

    with progress() as report:
        chosen = site.SiteChoice(identity or "", places, dry_run, not no_wait)
        result = site.restore_site(account, file, chosen, report)
    show("restore", result, as_json)


@command("show", "chainsaw show blog", "chainsaw show blog-20261201T031500Z-x7k2 --json")
@click.argument("backup", cls=RecordedArgument, shell_complete=complete.backups)
@identity_option
@json_option
def show_command(account: Account, backup: str, identity: str | None, as_json: bool) -> None:
    """BACKUP is the name of an instance, for its newest one, a name from chainsaw backups, or a file.

    With --json it has the instance's file, too, and the settings of the site that it depends on.
    """
    from chainsaw.work.restore.show import show as shown

    show("show", shown(account, backup, identity or ""), as_json)
