"""recipe: what its author does with one."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, progress, show

DIRECTORY = click.Path(exists=True, file_okay=False)


@click.group()
def recipe() -> None:
    """Write a recipe, check it, and let it prove what it claims."""


def _levels(ctx: click.Context, param: click.Parameter, value: str) -> list[int]:
    first, _, last = value.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and 1 <= int(first) <= int(last or first) <= 8):
        raise click.BadParameter("should be a level from 1 to 8, or a range of them: 1-8")
    return list(range(int(first), int(last or first) + 1))


@recipe.command(
    "test",
    epilog="\b\nExamples:\n  chainsaw recipe test recipes/wiki\n  chainsaw recipe test recipes/wiki --levels 1-2",
)
@click.argument("directory", type=DIRECTORY)
@click.option("--levels", callback=_levels, default="1-8", show_default=True, help="Which levels to try.")
@click.option("--pause", "reboot", flag_value="pause", help="Leave an instance for the reboot that level 3 asks for.")
@click.option("--resume", "reboot", flag_value="resume", help="Go on after that reboot.")
@json_option
def test(directory: str, levels: list[int], reboot: str | None, as_json: bool) -> None:
    """Try the recipe in DIRECTORY on this host in throw-away instances, and write what was found beside it.

    The instances are called try-RECIPE and try-RECIPE-2. Nothing of them stays.
    """
    from chainsaw.work.trial.run import run_trial

    with progress() as report:
        result = run_trial(directory, levels, reboot or "", report)
    show("recipe test", result, as_json)


@recipe.command(epilog="\b\nExamples:\n  chainsaw recipe lint recipes/wiki")
@click.argument("directory", type=DIRECTORY)
@json_option
def lint(directory: str, as_json: bool) -> None:
    """Check the recipe in DIRECTORY: its schema, its links, its images, its privileges, and that it compiles."""
    from chainsaw.work.recipes import lint_recipe

    show("recipe lint", lint_recipe(directory), as_json)
