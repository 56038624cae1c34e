"""config: what holds, and changes of it."""

from __future__ import annotations

import sys
from typing import Any

import click

from chainsaw.cli.arguments import complete_instance
from chainsaw.cli.output import json_option, note, show
from chainsaw.cli.recipes import complete_recipe
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.work.config.new import new as new_instance
from chainsaw.work.config.schema import schema_text
from chainsaw.work.result import Result


class Config(click.Group):
    """A group whose first word may be an instance: then it is shown."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Take what is no command of the group for the argument of show."""
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Hand options of show on to it, so that it may be left out."""
        if args and args[0].startswith("--") and args[0] not in ("--help",):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Config,
    epilog="\b\nExamples:\n  chainsaw config blog\n  chainsaw config blog title\n"
    "  chainsaw config blog title --explain\n"
    "  chainsaw config set blog title 'Walks by the sea'\n  chainsaw config set --site timezone Europe/Vienna",
)
def config() -> None:
    """Show what holds for an instance and where it comes from, and change it.

    `chainsaw config NAME [KEY]` shows; a command that is left out is `show`.
    """


def _words(words: tuple[str, ...], site: bool, at_most: int) -> tuple[str | None, list[str]]:
    """Return the instance, None for the site, and the words behind it."""
    name = None if site else words[0] if words else ""
    rest = list(words if site else words[1:])
    if name == "" or len(rest) > at_most:
        raise click.UsageError("an instance is missing, or --site" if name == "" else f"too many words: {rest[-1]}")
    return name, rest


site_option = click.option("--site", is_flag=True, help="site.yaml, which holds for all instances.")


@config.command("show", epilog="\b\nExamples:\n  chainsaw config blog\n  chainsaw config show --site --json")
@click.argument("words", nargs=-1, metavar="NAME [KEY]", shell_complete=complete_instance)
@site_option
@click.option("--explain", "explained", is_flag=True, help="Say what KEY is, what it does and where it is documented.")
@json_option
def show_command(words: tuple[str, ...], site: bool, explained: bool, as_json: bool) -> None:
    """Show every key that holds for NAME, its value and where that comes from, or one KEY of them."""
    from chainsaw.work.config.effective import explain
    from chainsaw.work.config.effective import show as effective

    name, rest = _words(words, site, 1)
    if explained and not rest:
        raise click.UsageError("--explain needs a KEY")
    show("config", explain(name, rest[0]) if explained else effective(name, rest[0] if rest else None), as_json)


@config.command(
    "set", epilog="\b\nExamples:\n  chainsaw config set blog title 'Walks'\n  chainsaw config set --site sleep 15m"
)
@click.argument("words", nargs=-1, metavar="NAME KEY VALUE", shell_complete=complete_instance)
@site_option
@json_option
def set_command(words: tuple[str, ...], site: bool, as_json: bool) -> None:
    """Give KEY a value in the file of NAME; comments and order stay as they are. Nothing runs before apply."""
    from chainsaw.work.config.edit import set_key

    name, rest = _words(words, site, 2)
    if len(rest) != 2:
        raise click.UsageError("a key and a value are needed")
    show("config", set_key(name, *rest), as_json)


@config.command("unset", epilog="\b\nExamples:\n  chainsaw config unset blog title")
@click.argument("words", nargs=-1, metavar="NAME KEY", shell_complete=complete_instance)
@site_option
@json_option
def unset_command(words: tuple[str, ...], site: bool, as_json: bool) -> None:
    """Take KEY out of the file of NAME, so that what is inherited, or the default, holds again."""
    from chainsaw.work.config.edit import unset_key

    name, rest = _words(words, site, 1)
    if not rest:
        raise click.UsageError("a key is needed")
    show("config", unset_key(name, rest[0]), as_json)


@config.command("edit", epilog="\b\nExamples:\n  chainsaw config edit blog\n  EDITOR=nano chainsaw config edit --site")
@click.argument("words", nargs=-1, metavar="NAME", shell_complete=complete_instance)
@site_option
@json_option
def edit_command(words: tuple[str, ...], site: bool, as_json: bool) -> None:
    """Open the file of NAME in your editor; it is checked when you close it, and kept only if it is right."""
    from chainsaw.work.config.edit import edit

    name, _ = _words(words, site, 0)
    show("config", edit(name, _change), as_json)


def _change(text: str, problems: list[str]) -> str | None:
    """Return what the editor made of a text; what was wrong with it is shown first, and may be given up."""
    if problems:
        for problem in problems:
            note(problem)
        if not sys.stdin.isatty() or not click.confirm("edit it again?", default=True, err=True):
            message = "the file was not changed, since what you wrote has problems"
            raise ChainsawError(Diagnostic("not-kept", message), Exit.INVALID)
    return click.edit(text, extension=".yaml")


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


@click.command(epilog="\b\nExamples:\n  chainsaw schema instance > instance.json")
@click.argument("kind", type=click.Choice(["instance", "site", "recipe"]))
@json_option
def schema(kind: str, as_json: bool) -> None:
    """Print the JSON Schema of an instance's file, of site.yaml or of a recipe.yaml."""
    import json

    text = schema_text(kind)
    show("schema", Result({"schema": json.loads(text)}, (text.rstrip("\n"),)), as_json)
