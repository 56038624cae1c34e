"""The command line: its root, the one place where an error becomes an exit code, and the audit record."""

from __future__ import annotations

import re
import signal
import sys
from typing import NoReturn

import click

from chainsaw import __version__
from chainsaw.cli.command import Group, Invocation
from chainsaw.cli.verbs import FIRST, FUNCTIONS
from chainsaw.errors import ChainsawError, Diagnostic, Exit

FIRST_STEPS = """
  sudo chainsaw setup
  chainsaw new wordpress blog --route https://blog.example.org/
  chainsaw apply
  systemctl --user status app@blog
  journalctl --user -u app@blog
"""

EXIT_CODES = {
    Exit.OK: "done",
    Exit.FAILED: "failed",
    Exit.USAGE: "wrong usage",
    Exit.DEGRADED: "partly done, the rest was rolled back, or something that was looked at does not work",
    Exit.MISSING: "not found",
    Exit.INVALID: "invalid input, nothing was changed",
    Exit.HOST: "something is missing on this host",
    Exit.LOCKED: "another chainsaw is running",
}

EPILOG = f"""
\b
First steps:{FIRST_STEPS}
Exit codes: {"; ".join(f"{int(code)} {meaning}" for code, meaning in EXIT_CODES.items())}.
"""


group = click.version_option(__version__, prog_name="chainsaw")(
    Group(
        "chainsaw",
        FUNCTIONS,
        first=FIRST,
        help="Self-host web applications on one small server: recipes become rootless Podman units behind one nginx.",
        epilog=EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
)


def main() -> NoReturn:
    """Run the command line, write commands that change something to the audit record, and exit."""
    invocation = Invocation()
    code = int(Exit.FAILED)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # What nohup(1) ignores stays ignored.
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _end)
    try:
        _run(invocation)
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else code
        raise
    finally:
        _write_down(invocation, code)


def _end(number: int, _: object) -> NoReturn:
    """End as after an error, so that what is held is let go and what was stopped runs again; a second one must wait."""
    for other in (signal.SIGTERM, signal.SIGHUP):
        # What is ignored would be ignored by every program that is started from now on, too.
        signal.signal(other, lambda *_: None)
    sys.exit(128 + number)


def _write_down(invocation: Invocation, code: int) -> None:
    """Record a command in the journal, if it is one that changes something."""
    verb, params = invocation.verb, invocation.params
    if verb is None:
        return
    refused_unread = params is None and code == Exit.USAGE
    if (refused_unread and verb.changes) or (params is not None and verb.changed(params)):
        from chainsaw.work.system.audit import record

        # A mistyped command may contain a secret.
        misplaced = code == Exit.USAGE or (verb.confidential and code != Exit.OK)
        words = () if misplaced else invocation.words
        record(invocation.path, words, str((params or {}).get("why", "")), code)


def _run(invocation: Invocation) -> NoReturn:
    try:
        # Without its standalone mode, click returns the code of a command that ends early, such as --help.
        code = group.main(standalone_mode=False, prog_name="chainsaw", obj=invocation)
    except click.Abort:
        sys.exit(130)
    except click.UsageError as error:
        _fail(_usage(error), invocation)
    except click.ClickException as error:
        _fail(ChainsawError(Diagnostic("system", error.format_message())), invocation)
    except ChainsawError as error:
        _fail(error, invocation)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        _fail(ChainsawError(Diagnostic("system", str(error))), invocation)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: click.UsageError) -> ChainsawError:
    """Return an error of click as a ChainsawError."""
    text = re.sub(r"\.? Did you mean", "; did you mean", " ".join(error.format_message().split())).rstrip(".")
    hint = f"{error.ctx.command_path if error.ctx else 'chainsaw'} --help"
    return ChainsawError(Diagnostic("usage", text[:1].lower() + text[1:], hint=hint), Exit.USAGE)


def _fail(error: ChainsawError, invocation: Invocation) -> NoReturn:
    from chainsaw.cli.output import show_error

    words = sys.argv[1:]
    # When parsing failed, only the words themselves show whether JSON is wanted.
    params = invocation.params
    as_json = bool("--json" in words if params is None else params.get("as_json"))
    show_error(error, next((word for word in words if not word.startswith("-")), ""), as_json)
    sys.exit(int(error.exit))
