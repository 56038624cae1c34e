"""new, config, schema: the files of the admin."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import note, progress, show
from chainsaw.cli.recorded import RecordedArgument, RecordedOption, key_alone, without_password
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.work.result import Result

if TYPE_CHECKING:
    from chainsaw.host.account import Account


def _words(words: tuple[str, ...], site: bool, at_most: int) -> tuple[str | None, list[str]]:
    """Return the instance (None for the site) and the remaining words."""
    name = None if site else words[0] if words else ""
    rest = list(words if site else words[1:])
    if name == "":
        raise click.UsageError("the name of an instance is missing, or --site")
    if len(rest) > at_most:
        raise click.UsageError(f"too many words: {rest[-1]}")
    return name, rest


site_option = click.option("--site", is_flag=True, help="Use site.yaml, which applies to all instances.")


@command(
    "config show",
    "chainsaw config blog",
    "chainsaw config blog title",
    "chainsaw config blog title --explain",
    "chainsaw config show --site --json",
)
@click.argument("words", nargs=-1, metavar="NAME [KEY]", shell_complete=complete.config_words("all"))
@site_option
@click.option("--explain", "explained", is_flag=True, help="Show what KEY is, what it does and where it is documented.")
@json_option
def show_command(account: Account, words: tuple[str, ...], site: bool, explained: bool, as_json: bool) -> None:
    """All keys of the instance NAME are shown, or the value of one KEY.

    `chainsaw config NAME` is short for `chainsaw config show NAME`.
    """
    from chainsaw.work.config import effective

    name, rest = _words(words, site, 1)
    if explained and not rest:
        raise click.UsageError("--explain needs a KEY")
    key = rest[0] if rest else None
    show(
        "config",
        effective.explain(account, name, rest[0]) if explained else effective.show(account, name, key),
        as_json,
    )


@command(
    "config set",
    "chainsaw config set blog title 'Walks by the sea'",
    "chainsaw config set --site timezone Europe/Vienna",
)
@click.argument(
    "words", cls=RecordedArgument, nargs=-1, metavar="NAME KEY", shell_complete=complete.config_words("all")
)
@click.argument("value")
@site_option
@json_option
def set_command(account: Account, words: tuple[str, ...], value: str, site: bool, as_json: bool) -> None:
    """Comments and order in it are kept. Nothing else changes before `chainsaw apply`."""
    from chainsaw.work.config import edit

    name, rest = _words(words, site, 1)
    if not rest:
        raise click.UsageError("a KEY and a VALUE are needed")
    with progress() as report:
        result = edit.set_key(account, name, rest[0], value, report)
    show("config", result, as_json)


@command("config unset", "chainsaw config unset blog title")
@click.argument(
    "words", cls=RecordedArgument, nargs=-1, metavar="NAME KEY", shell_complete=complete.config_words("written")
)
@site_option
@json_option
def unset_command(account: Account, words: tuple[str, ...], site: bool, as_json: bool) -> None:
    """The value of site.yaml, or the default, applies again. A line that a comment explains stays as a comment."""
    from chainsaw.work.config import edit

    name, rest = _words(words, site, 1)
    if not rest:
        raise click.UsageError("a KEY is needed")
    with progress() as report:
        result = edit.unset_key(account, name, rest[0], report)
    show("config", result, as_json)


@command("config edit", "chainsaw config edit blog", "EDITOR=nano chainsaw config edit --site")
@click.argument("words", cls=RecordedArgument, nargs=-1, metavar="NAME", shell_complete=complete.config_words("none"))
@site_option
@json_option
def edit_command(account: Account, words: tuple[str, ...], site: bool, as_json: bool) -> None:
    """It is checked when you close your editor, and kept only if nothing is wrong with it."""
    from chainsaw.work.config import edit

    name, _ = _words(words, site, 0)
    # The editor needs the whole terminal.
    with progress(shown=False) as report:
        result = edit.edit(account, name, _change, report)
    show("config", result, as_json)


def _change(text: str, problems: list[str]) -> str | None:
    """Return the text as edited; when it has problems they are shown, and the admin may cancel."""
    if problems:
        for problem in problems:
            note(problem)
        if not sys.stdin.isatty() or not click.confirm("edit it again?", default=True, err=True):
            message = "the file was not changed, since what you wrote has problems"
            raise ChainsawError(Diagnostic("not-kept", message), Exit.INVALID)
    return click.edit(text, extension=".yaml")


@command(
    "new",
    "chainsaw new wordpress blog --route https://blog.example.org/",
    'chainsaw new wordpress club --set title="Chess Club" --set debug=true',
    "chainsaw new static www",
)
@click.argument("recipe", cls=RecordedArgument, shell_complete=complete.recipes)
@click.argument("name", cls=RecordedArgument)
@click.option(
    "--route",
    cls=RecordedOption,
    shows=without_password,
    metavar="URL",
    help="Where it is published; default: https://NAME.localhost/.",
)
@click.option(
    "--set",
    "assignments",
    cls=RecordedOption,
    shows=key_alone,
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting of the recipe; may be given more than once.",
)
@json_option
def new(
    account: Account, recipe: str, name: str, route: str | None, assignments: tuple[str, ...], as_json: bool
) -> None:
    """The instance NAME runs the application of RECIPE. Nothing is started before `chainsaw apply`."""
    from chainsaw.work.config import new

    with progress() as report:
        result = new.new(account, recipe, name, route, assignments, report)
    show("new", result, as_json)


@command("schema", "chainsaw schema instance > instance.json")
@click.argument("kind", type=click.Choice(["instance", "site", "recipe"]))
@json_option
def schema(kind: str, as_json: bool) -> None:
    """They are for instances/NAME.yaml, site.yaml, and the recipe.yaml of a recipe."""
    import json

    from chainsaw.work.config import schema

    text = schema.schema_text(kind)
    show("schema", Result({"schema": json.loads(text)}, (text.rstrip("\n"),)), as_json)
