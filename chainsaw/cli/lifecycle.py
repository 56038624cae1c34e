"""inventory, remove, rename, clone."""

from __future__ import annotations

import sys

import click

from chainsaw.cli.arguments import complete_instance, instance_argument, why_option
from chainsaw.cli.output import json_option, progress, show, show_aside
from chainsaw.work.result import Request


@click.command(
    epilog="\b\nExamples:\n  chainsaw remove blog\n  chainsaw remove blog --purge\n"
    "  chainsaw remove blog --purge --yes\n  chainsaw remove --orphans"
)
@click.argument("name", required=False, shell_complete=complete_instance)
@click.option("--purge", "purged", is_flag=True, help="Delete its data, its secrets and all that nobody else uses.")
@click.option(
    "--orphans", is_flag=True, help="Delete what nobody uses and holds no data: certificates, recipes, images."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@why_option
@json_option
def remove(name: str | None, purged: bool, orphans: bool, yes: bool, why: str, as_json: bool) -> None:
    """Stop the instance NAME and serve it no longer; its data stays until you purge it.

    What was removed comes back with `chainsaw rollback NAME`; what was purged does not.
    """
    from chainsaw.work.lifecycle.prune import prune
    from chainsaw.work.lifecycle.remove import purge
    from chainsaw.work.lifecycle.remove import remove as take_away

    if orphans == (name is not None) or (orphans and purged):
        raise click.UsageError("a NAME or --orphans, one of the two")
    if name is not None and purged and not yes:
        _ask(name)
    with progress() as report:
        if name is None:
            result = prune(report)
        else:
            request = Request((name,), command="purge" if purged else "remove", why=why)
            result = (purge if purged else take_away)(name, request, report)
    show("remove", result, as_json)


def _ask(name: str) -> None:
    """Show what would be deleted, and go on only when the name is typed."""
    from chainsaw.errors import ChainsawError, Diagnostic
    from chainsaw.work.lifecycle.remove import deleted_by

    show_aside(deleted_by(name))
    if not sys.stdin.isatty():
        raise click.UsageError("nothing is deleted unasked: --yes")
    if click.prompt(f"type {name} to delete it for good", default="", show_default=False, err=True) != name:
        raise ChainsawError(Diagnostic("declined", f"{name} was not deleted"))


@click.command(epilog="\b\nExamples:\n  chainsaw rename blog journal")
@instance_argument
@click.argument("new")
@why_option
@json_option
def rename(name: str, new: str, why: str, as_json: bool) -> None:
    """Call the instance NAME from now on NEW; its data, its ids, its secrets and its route stay."""
    from chainsaw.work.lifecycle.rename import rename as give_name

    with progress() as report:
        result = give_name(name, new, Request((name,), command="rename", why=why), report)
    show("rename", result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw clone blog blog-next --route https://next.example.org/")
@instance_argument
@click.argument("new")
@click.option("--route", metavar="URL", help="Where the copy is published; https://NEW.localhost/ when left out.")
@why_option
@json_option
def clone(name: str, new: str, route: str | None, why: str, as_json: bool) -> None:
    """Make a second instance NEW with the configuration and the data of NAME.

    It gets ids of its own, and secrets of its own where the recipe knows how to change them. NAME is down while its
    data is copied.
    """
    from chainsaw.work.lifecycle.rename import clone as make_copy

    with progress() as report:
        request = Request((name,), command="clone", why=why)
        result = make_copy(name, new, route or f"https://{new}.localhost/", request, report)
    show("clone", result, as_json)


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
    from chainsaw.work.lifecycle.rollback import rollback as rollback_request

    with progress() as report:
        request = Request((name,) if name else (), dry_run, force, not no_wait, "rollback", why)
        result = rollback_request(name, number, request, report)
    show("rollback", result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw eject blog --out ~/blog-without-chainsaw")
@instance_argument
@click.option("--out", metavar="DIR", type=click.Path(), required=True, help="Write the files below DIR; it is empty.")
@json_option
def eject(name: str, out: str, as_json: bool) -> None:
    """Write the instance NAME as plain quadlets that run without chainsaw, with a page that says how.

    Nothing that runs is touched, and its data stays where it is.
    """
    from chainsaw.work.lifecycle.eject import eject as write_plainly

    show("eject", write_plainly(name, out), as_json)
