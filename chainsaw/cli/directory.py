"""search and info."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from chainsaw.cli.output import json_option, show


def complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of the recipes."""
    from chainsaw.work.directory import recipe_names

    return [CompletionItem(name) for name in recipe_names() if name.startswith(incomplete)]


@click.command(epilog="\b\nExamples:\n  chainsaw search\n  chainsaw search calendar\n  chainsaw search wiki --json")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@json_option
def search(words: tuple[str, ...], as_json: bool) -> None:
    """List the recipes in which all WORDs occur, or all recipes, with what is proven of each."""
    from chainsaw.work.directory import search as search_recipes

    show("search", search_recipes(words), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw info wordpress\n  chainsaw info radicale --json")
@click.argument("recipe", shell_complete=complete_recipe)
@json_option
def info(recipe: str, as_json: bool) -> None:
    """Show who is responsible for RECIPE, what it needs and asks for, what is proven, and all of its settings."""
    from chainsaw.work.directory import info as recipe_info

    show("info", recipe_info(recipe), as_json)
