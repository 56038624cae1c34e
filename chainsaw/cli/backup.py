"""backup and backups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import instances_argument, json_option, optional_instance_argument
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument, RecordedOption

if TYPE_CHECKING:
    from chainsaw.host.account import Account

identity_option = click.option(
    "--identity", metavar="FILE", type=click.Path(), help="The file with the secret part of the key: AGE-SECRET-KEY-…"
)


@command(
    "backup make",
    "chainsaw backup blog",
    "chainsaw backup --all",
    "chainsaw backup --site",
    "chainsaw backup blog --to /mnt/usb",
    "chainsaw backup --all --to restic:sftp:nas:/srv/repository",
    "chainsaw backup blog --dry-run",
)
@instances_argument
@click.option("--all", "every", is_flag=True, help="All instances, and the site if there is a key.")
@click.option("--site", "of_site", is_flag=True, help="What is no instance's: enough to rebuild this host.")
@click.option("--to", cls=RecordedOption, multiple=True, metavar="PLACE", help="Where to, instead of what is declared.")
@click.option(
    "--encrypt",
    "recipients",
    cls=RecordedOption,
    multiple=True,
    metavar="RECIPIENT",
    help="For whom, a public key of age: age1…, instead of who is declared.",
)
@click.option("--accept-shrink", "shrinks", is_flag=True, help="Less than half of the last one's data is right.")
@click.option("--scheduled", is_flag=True, help="Afterwards, delete what keep: says is no longer kept; timers do so.")
@click.option("--dry-run", is_flag=True, help="Show how much there is, and make none.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is running.")
@json_option
def make(
    account: Account,
    names: tuple[str, ...],
    every: bool,
    of_site: bool,
    to: tuple[str, ...],
    recipients: tuple[str, ...],
    shrinks: bool,
    scheduled: bool,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Databases are dumped while they work, and most applications serve on: chainsaw info RECIPE says how.

    One file for each instance goes to ~/.local/share/chainsaw/backups/NAME, or where backup: says in the instance's
    file or in site.yaml. A PLACE restic:… is a repository of restic, to which only what has changed is added; its
    password is made with it. A backup holds the data, the configuration, the secrets and the recipe. With --site, one
    small file has all the rest: your files with their history, users, secrets, certificates and authorities, and which
    backups there are. From it and the instances' backups, chainsaw restore --site rebuilds this host; it is always
    encrypted.
    """
    from chainsaw.work.backup import make, site

    if [every, of_site, bool(names)].count(True) != 1:
        raise click.UsageError("give either names of instances, or --all, or --site")
    if of_site and (dry_run or shrinks):
        raise click.UsageError("--site goes with --to, --encrypt and --no-wait alone")
    with progress() as report:
        if of_site:
            make.check_options(make.Wanted(to, recipients))
            result = site.back_up_site(account, site.SiteWanted(to, recipients, not no_wait, scheduled), report)
        elif dry_run:
            result = make.sizes(account, names)
        else:
            result = make.back_up(account, names, make.Wanted(to, recipients, shrinks, not no_wait, scheduled), report)
    show("backup", result, as_json)


@command(
    "backups", "chainsaw backups", "chainsaw backups blog", "chainsaw backups --from restic:sftp:nas:/srv/repository"
)
@optional_instance_argument
@click.option("--from", "places", multiple=True, metavar="PLACE", help="Those in this directory or repository alone.")
@json_option
def backups(account: Account, name: str | None, places: tuple[str, ...], as_json: bool) -> None:
    """Those in all places that are declared, and in the one that is used by default; also of removed instances."""
    from chainsaw.work.backup import find, site

    listed = find.list_backups(account, name, places)
    show("backups", listed if name or places else site.with_sites(account, listed), as_json)


@command("backup verify", "chainsaw backup verify blog", "chainsaw backup verify blog --identity key.txt")
@click.argument("backup", cls=RecordedArgument, shell_complete=complete.backups)
@identity_option
@json_option
def verify(account: Account, backup: str, identity: str | None, as_json: bool) -> None:
    """BACKUP is the name of an instance, for its newest one, a name from chainsaw backups, or a file.

    Without --identity, of an encrypted one only the file as a whole is compared with what was written.
    """
    from chainsaw.work.backup import verify

    with progress() as report:
        result = verify.verify(account, backup, identity or "", report)
    show("backup verify", result, as_json)


@command(
    "backup drill",
    "chainsaw backup drill blog",
    "chainsaw backup drill --all",
    "chainsaw backup drill blog --identity key.txt",
)
@optional_instance_argument
@identity_option
@click.option("--all", "every", is_flag=True, help="All instances, as without NAME.")
@click.option("--scheduled", is_flag=True, help="A timer asks for it: what cannot be rehearsed is recorded, too.")
@json_option
def drill(
    account: Account, name: str | None, identity: str | None, every: bool, scheduled: bool, as_json: bool
) -> None:
    """The newest good backup is read as a whole, and restored as drill-NAME, which is started.

    Its page and its data are looked at, and all of it is deleted again. What runs meanwhile is not touched.
    The rehearsed application has no network, no timers and sends no mail, and only this host can visit it. An
    encrypted backup needs --identity. A drill that fails ends with 3.
    """
    from chainsaw.work.restore import drill

    if every and name:
        raise click.UsageError("give either the name of an instance or --all")
    with progress() as report:
        result = drill.drill(account, name, drill.Choice(identity or "", scheduled), report)
    show("backup drill", result, as_json)


@command("backup key", "chainsaw backup key > recovery-sheet.txt")
@json_option
def key(account: Account, as_json: bool) -> None:
    """Print it, or write it down: it is kept nowhere else, and without it no encrypted backup can be read.

    The public part goes into site.yaml, and from then on all backups are encrypted. A further key is added to those
    that are there.
    """
    from chainsaw.work.backup import key

    with progress() as report:
        result = key.make_key(account, report)
    show("backup key", result, as_json)
