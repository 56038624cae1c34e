"""source, install and uninstall."""

from __future__ import annotations

import sys
from typing import IO

import click
from click.shell_completion import CompletionItem

from chainsaw.cli.directory import complete_recipe
from chainsaw.cli.output import json_option, note, progress, show


@click.group()
def source() -> None:
    """Add, list, update and remove git repositories of recipes."""


@source.command(
    epilog="\b\nExamples:\n  chainsaw source add club https://git.example.org/recipes.git\n"
    "  chainsaw source add club https://git.example.org/recipes.git --key club.pub"
)
@click.argument("name")
@click.argument("url")
@click.option("--key", type=click.File(), help="Take only commits signed with this public key (OpenSSH or OpenPGP).")
@json_option
def add(name: str, url: str, key: IO[str] | None, as_json: bool) -> None:
    """Offer the recipes of the git repository at URL under NAME, as they are in its newest commit."""
    from chainsaw.work.sources import add_source

    with progress() as report:
        result = add_source(name, url, key.read() if key else None, report)
    show("source add", result, as_json)


@source.command("list", epilog="\b\nExamples:\n  chainsaw source list")
@json_option
def list_command(as_json: bool) -> None:
    """Show the sources, each with the commit whose recipes are offered."""
    from chainsaw.work.sources import list_sources

    show("source list", list_sources(), as_json)


@source.command(epilog="\b\nExamples:\n  chainsaw source update\n  chainsaw source update club")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
def update(names: tuple[str, ...], as_json: bool) -> None:
    """Offer what is new in all sources, or those named; installed recipes stay as they are."""
    from chainsaw.work.sources import update_sources

    with progress() as report:
        result = update_sources(names, report)
    show("source update", result, as_json)


@source.command(epilog="\b\nExamples:\n  chainsaw source remove club")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget the source NAME; its installed recipes stay."""
    from chainsaw.work.sources import remove_source

    with progress() as report:
        result = remove_source(name, report)
    show("source remove", result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw install wordpress\n  chainsaw install club/wiki --yes")
@click.argument("recipe", shell_complete=complete_recipe)
@click.option("--yes", is_flag=True, help="Do not ask, whatever the recipe asks for.")
@json_option
def install(recipe: str, yes: bool, as_json: bool) -> None:
    """Copy RECIPE to this host and build or pull its images, without an instance.

    An installed recipe stays as it is: when its source has a newer one, install it again, and the next apply brings
    the instances of it up to date.
    """
    from chainsaw.work.install import install as install_recipe

    def agree(wishes: list[str]) -> bool:
        for wish in wishes:
            note(wish)
        return yes or not sys.stdin.isatty() or click.confirm("Install it?", err=True)

    with progress(shown=yes or not sys.stdin.isatty()) as report:
        result = install_recipe(recipe, agree, report)
    show("install", result, as_json)


def complete_installed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the recipes that were installed for their own sake."""
    from chainsaw.work.install import installed

    return [CompletionItem(name) for name in installed() if name.startswith(incomplete)]


@click.command(epilog="\b\nExamples:\n  chainsaw uninstall wordpress\n  chainsaw uninstall club/wiki --json")
@click.argument("recipe", shell_complete=complete_installed)
@json_option
def uninstall(recipe: str, as_json: bool) -> None:
    """Take back that RECIPE was installed; it and its images go when no instance uses them.

    Instances are not touched: chainsaw remove NAME --purge deletes one, and what only it used.
    """
    from chainsaw.work.install import uninstall as uninstall_recipe

    with progress() as report:
        result = uninstall_recipe(recipe, report)
    show("uninstall", result, as_json)
