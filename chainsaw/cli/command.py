"""Click commands and groups, made from the table of verbs, with --explain and the words for the audit record."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from chainsaw.cli.recorded import recorded_words
from chainsaw.cli.verb import Verb
from chainsaw.cli.verbs import verb_at
from chainsaw.errors import Exit

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@dataclass
class Invocation:
    """The command that was typed and, once click has parsed it, its parameters and the words that may be recorded."""

    path: str = ""
    verb: Verb | None = None
    params: Mapping[str, Any] | None = None
    words: tuple[str, ...] = ()

    def parsed(self, ctx: click.Context) -> None:
        """Keep the parameters that click parsed."""
        self.params = dict(ctx.params)
        self.words = tuple(recorded_words(ctx))


class Command(click.Command):
    """A command of a verb; with --explain it prints the equivalent commands instead of running."""

    def __init__(self, name: str | None, verb: Verb, **attributes: Any) -> None:
        """Store the verb; everything else goes to click."""
        super().__init__(name, **attributes)
        self.verb = verb
        self.takes_account = _parameters(self.callback)[:1] == ["account"]
        if verb.stands_for:
            self.params.append(
                click.Option(["--explain"], is_flag=True, help="Print the equivalent commands, and do nothing.")
            )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; the verb is kept first, because parsing may fail."""
        invocation = None if ctx.resilient_parsing else ctx.find_object(Invocation)
        if invocation is not None:
            invocation.path, invocation.verb = ctx.command_path, self.verb
        rest = super().parse_args(ctx, args)
        if invocation is not None:
            invocation.parsed(ctx)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or explain it."""
        if self.verb.stands_for and ctx.params.pop("explain"):
            return explain(self.verb, ctx.params)
        if not self.takes_account:
            return super().invoke(ctx)
        from chainsaw.host.account import this_account

        assert self.callback is not None
        account = this_account()
        if self.verb.acts(ctx.params):
            _finish_restores(account)
        return ctx.invoke(self.callback, account, **ctx.params)


def _finish_restores(account: Account) -> None:
    """Before anything else is changed, undo what an interrupted restore has left behind."""
    from chainsaw.work.restore.unfinished import marked

    if marked(account.paths):
        from chainsaw.cli.output import progress
        from chainsaw.work.restore.recover import undo_all

        with progress() as report:
            undo_all(account, report)


def _parameters(function: Callable[..., None] | None) -> list[str]:
    return list(inspect.signature(function).parameters) if function else []


def command(path: str, *examples: str) -> Callable[[Callable[..., None]], Command]:
    """Make a function the command of a verb; its help is the verb's summary, the function's docstring, the examples.

    A function whose first parameter is called `account` is given the account as which the command runs.
    """
    verb = verb_at(path)
    epilog = "\n  ".join(["\b\nExamples:", *examples])

    def decorate(function: Callable[..., None]) -> Command:
        text = f"{verb.summary}\n\n{inspect.getdoc(function)}"
        return click.command(verb.name, cls=Command, verb=verb, help=text, epilog=epilog)(function)

    return decorate


Sections = Mapping[str, Sequence[Verb]]
NO_SECTIONS: Sections = {}


class Group(click.Group):
    """A group of verbs under headings; a verb is imported when it is used."""

    def __init__(
        self, name: str, sections: Sections, default: str = "", first: Sections = NO_SECTIONS, **attributes: Any
    ) -> None:
        """Store the verbs under their headings, the name of the one that may be left out, and what help shows first."""
        super().__init__(name, no_args_is_help=False, **attributes)
        self.sections, self.first = sections, first
        self.verbs = {verb.name: verb for verbs in sections.values() for verb in verbs}
        self.default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a verb or a group."""
        verb = self.verbs.get(cmd_name)
        if verb is None:
            return None
        if verb.verbs:
            left_out = f"\n\nThe word `{verb.default}` may be left out." if verb.default else ""
            return Group(verb.name, {"Commands": verb.verbs}, verb.default, help=verb.summary + left_out)
        module, _, name = verb.target.partition(":")
        found = getattr(importlib.import_module(f"chainsaw.cli.{module}"), name)
        assert isinstance(found, Command)
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when nothing was typed; pass options on to the default verb."""
        if not args and not ctx.resilient_parsing:
            from chainsaw.cli.output import note

            note(ctx.get_help())
            ctx.exit(int(Exit.USAGE))
        if self.default and args and args[0].startswith("--") and args[0] != "--help":
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Treat a word that is no verb as an argument of the default verb, or suggest the nearest verb."""
        if args and args[0] not in self.verbs:
            if self.default:
                args = [self.default, *args]
            elif not args[0].startswith("-"):
                from difflib import get_close_matches

                close = get_close_matches(args[0], self.verbs, n=1)
                raise click.UsageError(
                    f"no command {args[0]!r}" + (f"; did you mean {close[0]}?" if close else ""), ctx
                )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs under their headings, without importing them."""
        width = max(len(name) for name in self.verbs)
        for heading, verbs in [*self.first.items(), *self.sections.items()]:
            with formatter.section(heading):
                formatter.write_dl([(verb.name.ljust(width), verb.summary) for verb in verbs])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer the verbs without importing them, and what the verb that may be left out would offer."""
        from click.shell_completion import CompletionItem

        offered = [
            CompletionItem(name, help=verb.summary) for name, verb in self.verbs.items() if name.startswith(incomplete)
        ]
        if (left_out := self.get_command(ctx, self.default)) is not None:
            inner = left_out.make_context(self.default, [], parent=ctx, resilient_parsing=True)
            offered += [
                item for one in left_out.get_params(inner)[:1] for item in one.shell_complete(inner, incomplete)
            ]
        return [*offered, *click.Command.shell_complete(self, ctx, incomplete)]


DIRECTORIES = {
    "CONFIG": "~/.config/chainsaw",
    "DATA": "~/.local/share/chainsaw",
    "STATE": "~/.local/state/chainsaw",
}


class _Names(dict[str, Any]):
    """The arguments of a command; one that was not given is shown as its name in capitals."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def explain(verb: Verb, params: Mapping[str, Any]) -> None:
    """Print the equivalent commands of a verb, with the arguments that were given."""
    from chainsaw.cli.output import say

    given = {name: value for name, value in params.items() if isinstance(value, str)}
    for line in verb.stands_for:
        say(line.format_map(_Names({**DIRECTORIES, **given})))
