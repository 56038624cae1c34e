"""remove, rename, clone, rollback, uninstall, eject."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import instance_argument, json_option, optional_instance_argument, why_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show, show_aside
from chainsaw.cli.recorded import RecordedArgument, RecordedOption, without_password
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.work.result import Request, Result

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command(
    "remove",
    "chainsaw remove blog",
    "chainsaw remove blog --purge",
    "chainsaw remove blog --purge --yes",
    "chainsaw remove --orphans",
)
@optional_instance_argument
@click.option(
    "--purge", "purged", is_flag=True, help="Delete its data, its secrets and everything that nothing else uses."
)
@click.option(
    "--orphans", is_flag=True, help="Delete what no instance uses and holds no data: certificates, recipes, images."
)
@click.option("--no-backup", is_flag=True, help="With --purge: do not back it up before.")
@click.option("--backups", is_flag=True, help="With --purge: delete its backups, too.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@why_option
@json_option
def remove(
    account: Account,
    name: str | None,
    purged: bool,
    orphans: bool,
    no_backup: bool,
    backups: bool,
    yes: bool,
    why: str,
    as_json: bool,
) -> None:
    """The data of the instance NAME is kept until you purge it.

    `chainsaw rollback NAME` restores a removed instance. A purge makes a backup first, from which `chainsaw restore`
    brings it back; with --no-backup it cannot be undone.
    """
    from chainsaw.work.lifecycle import prune, purging, remove

    if orphans == (name is not None) or (orphans and purged):
        raise click.UsageError("give either a NAME or --orphans")
    if (no_backup or backups) and not purged:
        raise click.UsageError("--no-backup and --backups belong to --purge")
    if name is not None and purged and not yes:
        _ask(account, name)
    with progress() as report:
        if name is None:
            result = prune.prune(account, report)
        elif purged:
            request = Request((name,), command="purge", why=why)
            if backups:
                result = purging.purge_with_backups(account, name, request, report)
            else:
                result = purging.purge(account, name, request, report, backs_up=not no_backup)
        else:
            result = remove.remove(account, name, Request((name,), command="remove", why=why), report)
    show("remove", result, as_json)


def _ask(account: Account, name: str) -> None:
    """Show what would be deleted, and continue only when the name is typed."""
    from chainsaw.work.lifecycle import remove

    _agree(remove.deleted_by(account, name), name, f"{name} was not deleted")


def _agree(shown: Result, word: str, declined: str) -> None:
    """Show something, and continue only when a word is typed."""
    show_aside(shown)
    if not sys.stdin.isatty():
        hint = "--yes deletes without asking"
        raise ChainsawError(Diagnostic("usage", "there is no terminal to ask on", hint=hint), Exit.USAGE)
    if click.prompt(f"type {word} to delete it for good", default="", show_default=False, err=True) != word:
        raise ChainsawError(Diagnostic("declined", declined))


@command("rename", "chainsaw rename blog journal")
@instance_argument
@click.argument("new", cls=RecordedArgument)
@why_option
@json_option
def rename(account: Account, name: str, new: str, why: str, as_json: bool) -> None:
    """The instance NAME is called NEW from now on; its data, ids, secrets and route stay the same."""
    from chainsaw.work.lifecycle import rename

    with progress() as report:
        result = rename.rename(account, name, new, Request((name,), command="rename", why=why), report)
    show("rename", result, as_json)


@command("clone", "chainsaw clone blog blog-next --route https://next.example.org/")
@instance_argument
@click.argument("new", cls=RecordedArgument)
@click.option(
    "--route",
    cls=RecordedOption,
    shows=without_password,
    metavar="URL",
    help="Where NEW is published; default: https://NEW.localhost/.",
)
@why_option
@json_option
def clone(account: Account, name: str, new: str, route: str | None, why: str, as_json: bool) -> None:
    """NEW gets the configuration and the data of NAME, which is stopped while its data is copied.

    It gets its own ids, and its own secrets where the recipe says how to change them.
    """
    from chainsaw.work.lifecycle import rename

    with progress() as report:
        request = Request((name,), command="clone", why=why)
        result = rename.clone(account, name, new, route or f"https://{new}.localhost/", request, report)
    show("clone", result, as_json)


@command("rollback", "chainsaw rollback blog", "chainsaw rollback blog --to 12", "chainsaw rollback --dry-run")
@optional_instance_argument
@click.option(
    "--to",
    "number",
    cls=RecordedOption,
    type=click.IntRange(1),
    metavar="N",
    help="The generation; chainsaw history has them. Default: before the last change.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Overwrite what was edited by hand, and changes that were never applied.")
@click.option("--no-wait", is_flag=True, help="Fail at once when another chainsaw is running.")
@why_option
@json_option
def rollback(
    account: Account,
    name: str | None,
    number: int | None,
    dry_run: bool,
    force: bool,
    no_wait: bool,
    why: str,
    as_json: bool,
) -> None:
    """Units, routes and your files become what they were then; data is not changed.

    Instances that were removed since then are restored, unless they were purged.
    """
    from chainsaw.work.lifecycle import rollback

    with progress() as report:
        request = Request((name,) if name else (), dry_run, force, not no_wait, "rollback", why)
        result = rollback.rollback(account, name, number, request, report)
    show("rollback", result, as_json)


@command("eject", "chainsaw eject blog --out ~/blog-without-chainsaw")
@instance_argument
@click.option(
    "--out", metavar="DIR", type=click.Path(), required=True, help="Write the files below DIR, which must be empty."
)
@json_option
def eject(account: Account, name: str, out: str, as_json: bool) -> None:
    """Their README.md explains how to use them. Running instances keep running, and the data is not moved."""
    from chainsaw.work.lifecycle import eject

    show("eject", eject.eject(account, name, out), as_json)


@command(
    "uninstall",
    "chainsaw uninstall wordpress",
    "chainsaw uninstall club/wiki --json",
    "chainsaw uninstall --all",
)
@click.argument("recipe", cls=RecordedArgument, required=False, shell_complete=complete.installed_recipes)
@click.option(
    "--all", "everything", is_flag=True, help="Delete all that chainsaw made for you, once there is no instance."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask, with --all.")
@json_option
def uninstall(account: Account, recipe: str | None, everything: bool, yes: bool, as_json: bool) -> None:
    """What an instance still uses is kept until that instance is deleted.

    `chainsaw remove NAME --purge` deletes an instance and what only it used.

    With --all the front is stopped, and the authority, the site's secrets, the recipes and the images are deleted.
    Your own files are kept. `sudo chainsaw setup --undo` then takes back what setup changed.
    """
    from chainsaw.work.lifecycle import leave
    from chainsaw.work.lifecycle import uninstall as use_case

    if everything == (recipe is not None):
        raise click.UsageError("give either a RECIPE or --all")
    if everything and not yes:
        _agree(leave.leaving(account), "all", "nothing was deleted")
    with progress() as report:
        result = leave.leave(account, report) if recipe is None else use_case.uninstall(account, recipe, report)
    show("uninstall", result, as_json)
