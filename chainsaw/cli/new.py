"""new."""

from __future__ import annotations

import click

from chainsaw.cli.directory import complete_recipe
from chainsaw.cli.output import json_option, show
from chainsaw.work.new import new as new_instance


@click.command(
    epilog="\b\nExamples:\n  chainsaw new wordpress blog --route https://blog.example.org/\n"
    '  chainsaw new wordpress club --set title="Chess Club" --set debug=true\n  chainsaw new static www'
)
@click.argument("recipe", shell_complete=complete_recipe)
@click.argument("name")
@click.option("--route", metavar="URL", help="Where it is published; https://NAME.localhost/ when left out.")
@click.option("--set", "assignments", metavar="KEY=VALUE", multiple=True, help="A setting of the recipe; repeatable.")
@json_option
def new(recipe: str, name: str, route: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """Write the file of a new instance NAME of RECIPE; nothing runs before `chainsaw apply`."""
    show("new", new_instance(recipe, name, route, assignments), as_json)
