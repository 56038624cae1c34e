"""Commands and groups as click has them, made from the table of verbs; what was typed is noted for the audit record."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from chainsaw.cli.explain import explain
from chainsaw.cli.recorded import recorded_words
from chainsaw.cli.verb import Verb
from chainsaw.cli.verbs import verb_at
from chainsaw.errors import Exit


@dataclass
class Invocation:
    """Which command was typed; once click has taken its words, its parameters, and the words that may be recorded."""

    path: str = ""
    verb: Verb | None = None
    params: Mapping[str, Any] | None = None
    words: tuple[str, ...] = ()

    def parsed(self, ctx: click.Context) -> None:
        """Note what click made of the words."""
        self.params = dict(ctx.params)
        self.words = tuple(recorded_words(ctx))


class Command(click.Command):
    """A command that knows its verb, and that prints with --explain what it stands for instead of doing it."""

    def __init__(self, name: str | None, verb: Verb, **attributes: Any) -> None:
        """Take the verb beside what click takes."""
        super().__init__(name, **attributes)
        self.verb = verb
        self.takes_account = _parameters(self.callback)[:1] == ["account"]
        if verb.stands_for:
            self.params.append(
                click.Option(["--explain"], is_flag=True, help="Print what it stands for, and do nothing.")
            )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; note the verb first, since they may be wrong."""
        invocation = None if ctx.resilient_parsing else ctx.find_object(Invocation)
        if invocation is not None:
            invocation.path, invocation.verb = ctx.command_path, self.verb
        rest = super().parse_args(ctx, args)
        if invocation is not None:
            invocation.parsed(ctx)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Carry the command out, or explain it."""
        if self.verb.stands_for and ctx.params.pop("explain"):
            return explain(self.verb, ctx.params)
        if not self.takes_account:
            return super().invoke(ctx)
        from chainsaw.host.account import this_account

        assert self.callback is not None
        return ctx.invoke(self.callback, this_account(), **ctx.params)


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


class Group(click.Group):
    """A group of verbs under headings, which are imported when they are used."""

    def __init__(self, name: str, sections: Mapping[str, Sequence[Verb]], default: str = "", **attributes: Any) -> None:
        """Take the verbs under their headings, and the one that may be left out."""
        super().__init__(name, no_args_is_help=False, **attributes)
        self.sections = sections
        self.verbs = {verb.name: verb for verbs in sections.values() for verb in verbs}
        self.default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a verb, or the group that it is."""
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
        """Show the help to who types nothing; hand options of the command that may be left out on to it."""
        if not args and not ctx.resilient_parsing:
            from chainsaw.cli.output import note

            note(ctx.get_help())
            ctx.exit(int(Exit.USAGE))
        if self.default and args and args[0].startswith("--") and args[0] != "--help":
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Take what is no verb as argument of the one that may be left out, or suggest the nearest."""
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
        for heading, verbs in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(verb.name.ljust(width), verb.summary) for verb in verbs])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer the verbs without importing them."""
        from click.shell_completion import CompletionItem

        offered = [
            CompletionItem(name, help=verb.summary) for name, verb in self.verbs.items() if name.startswith(incomplete)
        ]
        return [*offered, *click.Command.shell_complete(self, ctx, incomplete)]
