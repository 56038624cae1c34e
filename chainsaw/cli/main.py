"""The command line: the group, its lazily loaded verbs, and the one place where an error becomes an exit code."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any, NoReturn

import click

from chainsaw import __version__
from chainsaw.errors import ChainsawError, Diagnostic, Exit

VERBS = {
    "search": "chainsaw.cli.recipes:search",
    "info": "chainsaw.cli.recipes:info",
    "source": "chainsaw.cli.recipes:source",
    "install": "chainsaw.cli.recipes:install",
    "uninstall": "chainsaw.cli.recipes:uninstall",
    "new": "chainsaw.cli.config:new",
    "config": "chainsaw.cli.config:config",
    "plan": "chainsaw.cli.apply:plan",
    "apply": "chainsaw.cli.apply:apply",
    "list": "chainsaw.cli.inspect:overview",
    "status": "chainsaw.cli.inspect:status",
    "logs": "chainsaw.cli.inspect:logs",
    "top": "chainsaw.cli.inspect:top",
    "start": "chainsaw.cli.service:start",
    "stop": "chainsaw.cli.service:stop",
    "restart": "chainsaw.cli.service:restart",
    "maintenance": "chainsaw.cli.service:maintenance",
    "doctor": "chainsaw.cli.system:doctor",
    "inventory": "chainsaw.cli.inspect:inventory",
    "history": "chainsaw.cli.history:history",
    "diff": "chainsaw.cli.history:diff",
    "note": "chainsaw.cli.history:note",
    "rollback": "chainsaw.cli.lifecycle:rollback",
    "remove": "chainsaw.cli.lifecycle:remove",
    "rename": "chainsaw.cli.lifecycle:rename",
    "clone": "chainsaw.cli.lifecycle:clone",
    "recipe": "chainsaw.cli.recipes:recipe",
    "render": "chainsaw.cli.apply:render",
    "eject": "chainsaw.cli.lifecycle:eject",
    "schema": "chainsaw.cli.config:schema",
    "ca": "chainsaw.cli.publish:authority",
    "secret": "chainsaw.cli.data:secret",
    "setup": "chainsaw.cli.system:setup",
}

SUMMARIES = {
    "search": "List the recipes, with what is proven of each.",
    "info": "Show all that is to know of a recipe before you install it.",
    "source": "Add, list, update and remove git repositories of recipes.",
    "install": "Copy a recipe to this host and build or pull its images.",
    "uninstall": "Take that back, once no instance needs it.",
    "new": "Write the file of a new instance.",
    "config": "Show what holds for an instance and why, and change it.",
    "plan": "Show what apply would do.",
    "apply": "Bring this host to what is declared.",
    "list": "Show every instance and what it is doing.",
    "status": "Show one instance from all sides.",
    "logs": "Show what an instance says, or its visitors ask for.",
    "top": "Show what each instance costs now.",
    "start": "Start an instance, now and after each reboot.",
    "stop": "Stop an instance, and let it stay down.",
    "restart": "Start the processes of an instance anew.",
    "maintenance": "Tell visitors that somebody works on an instance.",
    "doctor": "Examine this host, and say how to mend what is wrong.",
    "inventory": "Show every bit of an instance, and what belongs to none.",
    "history": "Show what was applied when, by whom and why.",
    "diff": "Show how your files differ from what is applied.",
    "note": "Keep what somebody will want to know one day.",
    "rollback": "Let an instance be again what it was.",
    "remove": "Stop an instance and serve it no longer; delete it for good.",
    "rename": "Give an instance another name.",
    "clone": "Make a second instance with the data of another.",
    "recipe": "Write a recipe, check it, and let it prove what it claims.",
    "render": "Write the units and nginx files to a directory, and touch nothing else.",
    "eject": "Write an instance as plain quadlets that run without chainsaw.",
    "schema": "Print the JSON Schema of a file.",
    "ca": "Print the certificate of the local authority.",
    "secret": "List, show, set and change secrets.",
    "setup": "Prepare this host for a user; run as root, once.",
}


class Verbs(click.Group):
    """A group whose verbs are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which one meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a verb."""
        if cmd_name not in VERBS:
            return None
        module, _, name = VERBS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        from chainsaw.cli.explain import explained

        return explained(command, cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Suggest the nearest verb for a mistyped one."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], VERBS, n=1)
            raise click.UsageError(f"no command {args[0]!r}" + (f"; did you mean {close[0]}?" if close else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


EPILOG = """
\b
First steps:
  sudo chainsaw setup
  chainsaw new wordpress blog --route https://blog.example.org/
  chainsaw apply
  systemctl --user status app@blog
  journalctl --user -u app@blog

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done in part, the rest was put back; 4 not there;
5 an input was refused before any effect; 6 this host lacks something; 7 another chainsaw is at work.
"""


@click.group(cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="chainsaw")
def group() -> None:
    """Self-host web applications on one small server: recipes become rootless Podman units behind one nginx."""


CHANGES = re.compile(
    "install|uninstall|new|apply|start|stop|restart|maintenance|note|rollback|remove|rename|clone"
    "|config (set|unset|edit)|secret (set|rotate)|source (add|update|remove)|recipe test|setup"
)
"""The commands that change something on this host."""
ONLY_LOOKS = {"--dry-run", "--explain", "--help", "-h"}


def main() -> NoReturn:
    """Run the command line, write down what changes something, and exit."""
    try:
        _run()
    except SystemExit as ending:
        _write_down(sys.argv[1:], ending.code if isinstance(ending.code, int) else 1)
        raise
    except BaseException:
        _write_down(sys.argv[1:], 1)
        raise


def _write_down(words: list[str], code: int) -> None:
    """Record a command in the journal, if it is one that changes something."""
    plain = " ".join([word for word in words if not word.startswith("-")][:2])
    changes = re.match(rf"({CHANGES.pattern})( |$)", plain) or (plain == "doctor" and "--fix" in words)
    if changes and not ONLY_LOOKS & set(words):
        from chainsaw.work.system.audit import record

        record(words, _why(words), code)


def _why(words: list[str]) -> str:
    """Return what stands behind -m, in any of the ways in which it may be written."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("-m", "--message"):
            return following
        for option in ("--message=", "-m"):
            if word.startswith(option):
                return word.removeprefix(option)
    return ""


def _run() -> NoReturn:
    try:
        group.main(standalone_mode=False, prog_name="chainsaw")
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        problem = Diagnostic("usage", error.format_message())
        _fail(ChainsawError(problem, Exit.USAGE), error)
    except ChainsawError as error:
        _fail(error)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        _fail(ChainsawError(Diagnostic("system", str(error))))
    sys.exit(0)


def _fail(error: ChainsawError, usage: click.ClickException | None = None) -> NoReturn:
    from chainsaw.cli.output import show_error

    if usage is not None and "--json" not in sys.argv:
        usage.show()
    else:
        show_error(error, as_json="--json" in sys.argv)
    sys.exit(int(error.exit))
