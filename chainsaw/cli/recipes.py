"""search, info, source, install, uninstall, recipe."""

from __future__ import annotations

import re
import sys
from typing import IO

import click
from click.shell_completion import CompletionItem

from chainsaw.cli.output import json_option, note, progress, show


def complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of the recipes."""
    from chainsaw.work.recipes.search import recipe_names

    return [CompletionItem(name) for name in recipe_names() if name.startswith(incomplete)]


@click.command(epilog="\b\nExamples:\n  chainsaw search\n  chainsaw search calendar\n  chainsaw search wiki --json")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@json_option
def search(words: tuple[str, ...], as_json: bool) -> None:
    """List the recipes in which all WORDs occur, or all recipes, with what is proven of each."""
    from chainsaw.work.recipes.search import search as search_recipes

    show("search", search_recipes(words), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw info wordpress\n  chainsaw info radicale --json")
@click.argument("recipe", shell_complete=complete_recipe)
@json_option
def info(recipe: str, as_json: bool) -> None:
    """Show who is responsible for RECIPE, what it needs and asks for, what is proven, and all of its settings."""
    from chainsaw.work.recipes.search import info as recipe_info

    show("info", recipe_info(recipe), as_json)


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
    from chainsaw.work.recipes.sources import add_source

    with progress() as report:
        result = add_source(name, url, key.read() if key else None, report)
    show("source add", result, as_json)


@source.command("list", epilog="\b\nExamples:\n  chainsaw source list")
@json_option
def list_command(as_json: bool) -> None:
    """Show the sources, each with the commit whose recipes are offered."""
    from chainsaw.work.recipes.sources import list_sources

    show("source list", list_sources(), as_json)


@source.command(epilog="\b\nExamples:\n  chainsaw source update\n  chainsaw source update club")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
def update(names: tuple[str, ...], as_json: bool) -> None:
    """Offer what is new in all sources, or those named; installed recipes stay as they are."""
    from chainsaw.work.recipes.sources import update_sources

    with progress() as report:
        result = update_sources(names, report)
    show("source update", result, as_json)


@source.command(epilog="\b\nExamples:\n  chainsaw source remove club")
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget the source NAME; its installed recipes stay."""
    from chainsaw.work.recipes.sources import remove_source

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
    from chainsaw.work.recipes.install import install as install_recipe

    def agree(permission_lines: list[str]) -> bool:
        for wish in permission_lines:
            note(wish)
        return yes or not sys.stdin.isatty() or click.confirm("Install it?", err=True)

    with progress(shown=yes or not sys.stdin.isatty()) as report:
        result = install_recipe(recipe, agree, report)
    show("install", result, as_json)


def complete_installed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the recipes that were installed for their own sake."""
    from chainsaw.work.recipes.install import installed

    return [CompletionItem(name) for name in installed() if name.startswith(incomplete)]


@click.command(epilog="\b\nExamples:\n  chainsaw uninstall wordpress\n  chainsaw uninstall club/wiki --json")
@click.argument("recipe", shell_complete=complete_installed)
@json_option
def uninstall(recipe: str, as_json: bool) -> None:
    """Take back that RECIPE was installed; it and its images go when no instance uses them.

    Instances are not touched: chainsaw remove NAME --purge deletes one, and what only it used.
    """
    from chainsaw.work.recipes.install import uninstall as uninstall_recipe

    with progress() as report:
        result = uninstall_recipe(recipe, report)
    show("uninstall", result, as_json)


DIRECTORY = click.Path(exists=True, file_okay=False)


@click.group()
def recipe() -> None:
    """Write a recipe, check it, and let it prove what it claims."""


def _levels(ctx: click.Context, param: click.Parameter, value: str) -> list[int]:
    found = re.fullmatch("([1-8])(?:-([1-8]))?", value)
    levels = list(range(int(found[1]), int(found[2] or found[1]) + 1)) if found else []
    if not levels:
        raise click.BadParameter("should be a level from 1 to 8, or a range of them: 1-8")
    return levels


@recipe.command(
    "test",
    epilog="\b\nExamples:\n  chainsaw recipe test recipes/wiki\n  chainsaw recipe test recipes/wiki --levels 1-2",
)
@click.argument("directory", type=DIRECTORY)
@click.option("--levels", callback=_levels, default="1-8", show_default=True, help="Which levels to try.")
@click.option("--keep", "after", flag_value="keep", help="Leave an instance to look at, until the next test.")
@click.option("--pause", "after", flag_value="pause", help="Leave an instance for the reboot that level 3 asks for.")
@click.option("--resume", "after", flag_value="resume", help="Go on after that reboot.")
@json_option
def test(directory: str, levels: list[int], after: str | None, as_json: bool) -> None:
    """Try the recipe in DIRECTORY on this host in throw-away instances, and write what was found beside it.

    The instances are called try-RECIPE and try-RECIPE-2. Nothing of them stays, unless you say so.
    """
    from chainsaw.work.trial.run import run_trial

    with progress() as report:
        result = run_trial(directory, levels, after or "", report)
    show("recipe", result, as_json)


@recipe.command(epilog="\b\nExamples:\n  chainsaw recipe lint recipes/wiki")
@click.argument("directory", type=DIRECTORY)
@json_option
def lint(directory: str, as_json: bool) -> None:
    """Check the recipe in DIRECTORY: its schema, its links, its images, its privileges, and that it compiles."""
    from chainsaw.work.recipes.author import lint_recipe

    show("recipe", lint_recipe(directory), as_json)


@recipe.command(
    "new", epilog="\b\nExamples:\n  chainsaw recipe new wiki --from php\n  chainsaw recipe new feeds --from http"
)
@click.argument("name")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["php", "http", "static", "image"]),
    default="http",
    show_default=True,
    help="php: PHP-FPM behind the front; http: a server on a port; static: files; image: an upstream image.",
)
@click.option("--in", "parent", type=DIRECTORY, default=".", help="The directory that it is written to.")
@json_option
def new(name: str, kind: str, parent: str, as_json: bool) -> None:
    """Write a small recipe NAME that works, to change it into one's own."""
    from chainsaw.work.recipes.author import new_recipe

    show("recipe", new_recipe(name, kind, parent), as_json)


@recipe.command(epilog="\b\nExamples:\n  chainsaw recipe docs recipes/wiki > wiki.md")
@click.argument("directory", type=DIRECTORY)
@json_option
def docs(directory: str, as_json: bool) -> None:
    """Print the page of the recipe in DIRECTORY in Markdown."""
    from chainsaw.work.recipes.author import recipe_docs

    show("recipe", recipe_docs(directory), as_json)


@recipe.command(epilog="\b\nExamples:\n  chainsaw recipe guide | less")
@json_option
def guide(as_json: bool) -> None:
    """Print how a recipe is written, from the idea to level 8."""
    from chainsaw.work.recipes.author import guide as authoring_guide

    show("recipe", authoring_guide(), as_json)
