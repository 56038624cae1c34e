"""search, info, source, install, recipe."""

from __future__ import annotations

import re
import sys
from typing import IO, TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import note, progress, show
from chainsaw.cli.recorded import RecordedArgument, RecordedOption, file_name, without_password

if TYPE_CHECKING:
    from chainsaw.host.account import Account

DIRECTORY = click.Path(exists=True, file_okay=False)


@command("search", "chainsaw search", "chainsaw search calendar", "chainsaw search wiki --json")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@json_option
def search(account: Account, words: tuple[str, ...], as_json: bool) -> None:
    """With WORDs, only recipes that contain all of them are listed."""
    from chainsaw.work.recipes import search

    show("search", search.search(account, words), as_json)


@command("info", "chainsaw info wordpress", "chainsaw info radicale --json")
@click.argument("recipe", shell_complete=complete.recipes)
@json_option
def info(account: Account, recipe: str, as_json: bool) -> None:
    """It shows who maintains RECIPE, which tests it has passed, and all of its settings."""
    from chainsaw.work.recipes import search

    show("info", search.info(account, recipe), as_json)


@command(
    "source add",
    "chainsaw source add club https://git.example.org/recipes.git",
    "chainsaw source add club https://git.example.org/recipes.git --key club.pub",
)
@click.argument("name", cls=RecordedArgument)
@click.argument("url", cls=RecordedArgument, shows=without_password)
@click.option(
    "--key",
    cls=RecordedOption,
    shows=file_name,
    metavar="FILE",
    type=click.File(),
    help="Take only commits signed with this public key (OpenSSH or OpenPGP).",
)
@json_option
def add(account: Account, name: str, url: str, key: IO[str] | None, as_json: bool) -> None:
    """The recipes in the newest commit at URL are offered as NAME/RECIPE."""
    from chainsaw.work.recipes import sources

    with progress() as report:
        result = sources.add_source(account, name, url, key.read() if key else None, report)
    show("source add", result, as_json)


@command("source list", "chainsaw source list")
@json_option
def list_command(account: Account, as_json: bool) -> None:
    """Only the recipes of that commit are offered."""
    from chainsaw.work.recipes import sources

    show("source list", sources.list_sources(account), as_json)


@command("source update", "chainsaw source update", "chainsaw source update club")
@click.argument("names", cls=RecordedArgument, nargs=-1, metavar="[NAME]...", shell_complete=complete.sources)
@json_option
def update(account: Account, names: tuple[str, ...], as_json: bool) -> None:
    """Without a NAME all are fetched. Installed recipes are not changed."""
    from chainsaw.work.recipes import sources

    with progress() as report:
        result = sources.update_sources(account, names, report)
    show("source update", result, as_json)


@command("source remove", "chainsaw source remove club")
@click.argument("name", cls=RecordedArgument, shell_complete=complete.sources)
@json_option
def remove(account: Account, name: str, as_json: bool) -> None:
    """Recipes that were installed from it are kept."""
    from chainsaw.work.recipes import sources

    with progress() as report:
        result = sources.remove_source(account, name, report)
    show("source remove", result, as_json)


@command("install", "chainsaw install wordpress", "chainsaw install club/wiki --yes")
@click.argument("recipe", cls=RecordedArgument, shell_complete=complete.recipes)
@click.option("--yes", is_flag=True, help="Do not ask, even when the recipe needs extra permissions.")
@json_option
def install(account: Account, recipe: str, yes: bool, as_json: bool) -> None:
    """No instance is created; `chainsaw new` does that.

    An installed recipe does not change by itself. When its source has a newer one, install it again; the next apply
    then updates its instances.
    """
    from chainsaw.work.recipes import install

    def agree(permission_lines: list[str]) -> bool:
        for line in permission_lines:
            note(line)
        return yes or not sys.stdin.isatty() or click.confirm("Install it?", err=True)

    with progress(shown=yes or not sys.stdin.isatty()) as report:
        result = install.install(account, recipe, agree, report)
    show("install", result, as_json)


def _levels(ctx: click.Context, param: click.Parameter, value: str) -> list[int]:
    found = re.fullmatch("([1-9])(?:-([1-9]))?", value)
    levels = list(range(int(found[1]), int(found[2] or found[1]) + 1)) if found else []
    if not levels:
        raise click.BadParameter("should be a level from 1 to 9, or a range of them: 1-9")
    return levels


def _range(levels: list[int]) -> str:
    return f"{levels[0]}-{levels[-1]}"


@command("recipe test", "chainsaw recipe test recipes/wiki", "chainsaw recipe test recipes/wiki --levels 1-2")
@click.argument("directory", cls=RecordedArgument, type=DIRECTORY)
@click.option(
    "--levels",
    cls=RecordedOption,
    shows=_range,
    metavar="LEVELS",
    callback=_levels,
    default="1-9",
    show_default=True,
    help="Which levels to test: one, or a range.",
)
@click.option(
    "--keep",
    "after",
    flag_value="keep",
    help="Keep the instances until the next test, as they are: also one that does not work.",
)
@click.option("--pause", "after", flag_value="pause", help="Keep an instance for the reboot that level 3 needs.")
@click.option("--resume", "after", flag_value="resume", help="Continue after that reboot.")
@click.option("--hand-over", cls=RecordedOption, metavar="PLACE", default="", help="Leave a backup there for level 10.")
@click.option(
    "--take-over",
    cls=RecordedOption,
    metavar="PLACE",
    default="",
    help="Level 10: try, on another host, what was left.",
)
@json_option
def test(
    account: Account,
    directory: str,
    levels: list[int],
    after: str | None,
    hand_over: str,
    take_over: str,
    as_json: bool,
) -> None:
    """The result is written to tested.json beside the recipe in DIRECTORY.

    The test creates the instances try-RECIPE and try-RECIPE-2, and deletes them at its end unless you keep them.
    Level 10 takes another host: carry the recipe with its tested.json, and what --hand-over has left, to that one.
    """
    from chainsaw.work.trial import run

    with progress() as report:
        passing = run.Passing(hand_over, take_over)
        result = run.run_trial(account, directory, levels, after or "", report, passing)
    show("recipe", result, as_json)


@command("recipe lint", "chainsaw recipe lint recipes/wiki")
@click.argument("directory", type=DIRECTORY)
@json_option
def lint(directory: str, as_json: bool) -> None:
    """It checks the schema, the links, the images and the permissions of the recipe in DIRECTORY, and compiles it."""
    from chainsaw.work.recipes import author

    show("recipe", author.lint_recipe(directory), as_json)


@command("recipe new", "chainsaw recipe new wiki --from php", "chainsaw recipe new feeds --from http")
@click.argument("name")
@click.option(
    "--from",
    "kind",
    type=click.Choice(["php", "http", "static", "image"]),
    default="http",
    show_default=True,
    help="php: PHP-FPM behind the front; http: a server on a port; static: files; image: an upstream image.",
)
@click.option(
    "--in", "parent", metavar="DIR", type=DIRECTORY, default=".", help="Write it below this directory; default: here."
)
@json_option
def new(name: str, kind: str, parent: str, as_json: bool) -> None:
    """It is written to a new directory NAME; `chainsaw recipe guide` says what to change."""
    from chainsaw.work.recipes import author

    show("recipe", author.new_recipe(name, kind, parent), as_json)


@command("recipe docs", "chainsaw recipe docs recipes/wiki > wiki.md")
@click.argument("directory", type=DIRECTORY)
@json_option
def docs(directory: str, as_json: bool) -> None:
    """DIRECTORY is where the recipe is."""
    from chainsaw.work.recipes import author

    show("recipe", author.recipe_docs(directory), as_json)


@command("recipe guide", "chainsaw recipe guide | less")
@json_option
def guide(as_json: bool) -> None:
    """It leads from the idea to level 10, the last of the tests."""
    from chainsaw.work.recipes import author

    show("recipe", author.guide(), as_json)
