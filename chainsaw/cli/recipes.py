"""recipe: what its author does with one."""

from __future__ import annotations

import re

import click

from chainsaw.cli.output import json_option, progress, show

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
    from chainsaw.work.recipes import lint_recipe

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
    from chainsaw.work.recipes import new_recipe

    show("recipe", new_recipe(name, kind, parent), as_json)


@recipe.command(epilog="\b\nExamples:\n  chainsaw recipe docs recipes/wiki > wiki.md")
@click.argument("directory", type=DIRECTORY)
@json_option
def docs(directory: str, as_json: bool) -> None:
    """Print the page of the recipe in DIRECTORY in Markdown."""
    from chainsaw.work.recipes import recipe_docs

    show("recipe", recipe_docs(directory), as_json)


@recipe.command(epilog="\b\nExamples:\n  chainsaw recipe guide | less")
@json_option
def guide(as_json: bool) -> None:
    """Print how a recipe is written, from the idea to level 8."""
    from chainsaw.work.recipes import guide as authoring_guide

    show("recipe", authoring_guide(), as_json)
