"""The only module that prints: results and problems, for people and for programs."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn

import click

from chainsaw.cli import tables
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.work.result import Result, Table

FORMAT = 1
INTERVAL = 10.0
"""Seconds between two lines about long work, where there is no terminal."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys or shows in another order, except for the end of a line and a tab."""


def plain(text: str) -> str:
    """Return a text that no terminal takes for a command: without colours, and with other controls made visible."""
    return _CONTROLS.sub(lambda found: _visible(found[0]), _COLOURS.sub("", text))


def _visible(control: str) -> str:
    code = ord(control)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def envelope(command: str, data: Any, diagnostics: Sequence[Diagnostic], code: int) -> str:
    """Return the JSON document of a report."""
    content = {
        "format": FORMAT,
        "command": command,
        "data": data,
        "diagnostics": [item.as_dict() for item in diagnostics],
        "exit": code,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def show(command: str, result: Result, as_json: bool, raw: bool = False) -> NoReturn:
    """Print a result and exit with its code; lines that are `raw` may hold what a terminal obeys."""
    if as_json:
        print(envelope(command, result.data, result.diagnostics, int(result.exit)))
    elif raw:
        for line in result.lines:
            say_raw(line)
        _print_problems(result.diagnostics)
    else:
        _print(result)
    sys.stdout.flush()
    sys.exit(int(result.exit))


def watch(report: Callable[[], Result]) -> NoReturn:
    """Print a report on a cleared screen every two seconds, until it is interrupted."""
    while True:
        result = report()
        click.clear()
        _print(result)
        time.sleep(2)


def show_aside(result: Result) -> None:
    """Print a result on stderr, so that stdout has only what follows."""
    from contextlib import redirect_stdout

    with redirect_stdout(sys.stderr):
        _print(result)


def _print(result: Result) -> None:
    if result.table and result.table.rows:
        _print_table(result.table)
    for line in result.lines:
        print(plain(line))
    for table in result.further:
        print()
        _print_table(table)
    _print_problems(result.diagnostics)


def _print_table(table: Table) -> None:
    """Print a table, aligned; the heading is bold on a terminal."""
    import shutil

    # Only what is shown on a screen has to fit on it.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    cells = replace(table, rows=tuple(tuple(map(_cell, row)) for row in table.rows))
    for number, line in enumerate(tables.lines(cells, width, sys.stdout.encoding or "")):
        click.echo(click.style(line, bold=True) if number == 0 else line, color=_colour())


def _cell(text: str) -> str:
    """Return a text in one line, so that none begins a row of its own."""
    return plain(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def show_error(error: ChainsawError, command: str, as_json: bool) -> None:
    """Print the problems of a command that failed."""
    if as_json:
        print(envelope(command, {}, error.diagnostics, int(error.exit)))
    else:
        _print_problems(error.diagnostics)


def _print_problems(diagnostics: Sequence[Diagnostic]) -> None:
    for item in diagnostics:
        first, *rest = plain(item.render()).splitlines()
        mark = click.style(f"{item.severity}: ", fg="red" if item.severity == "error" else "yellow", bold=True)
        click.echo("\n".join([mark + first, *rest]), err=True, color=_colour())


def _colour() -> bool | None:
    import os

    return False if os.environ.get("NO_COLOR") else None


def say(text: str) -> None:
    """Print a line of a result that is followed."""
    print(plain(text), flush=True)


def say_raw(text: str) -> None:
    """Print lines as they are."""
    print(text, flush=True)


def note(text: str) -> None:
    """Print a note on stderr."""
    click.echo(plain(text), err=True)


class Progress:
    """What is being done during long work, and since when."""

    def __init__(self) -> None:
        """Begin; rich is imported only when there is a terminal."""
        self.status: Any = None
        self.text, self.since = "working", time.time()

    def doing(self, text: str) -> None:
        """Replace what is being done."""
        self.text, self.since = text, time.time()
        if self.status is not None:
            from rich.markup import escape

            self.status.update(escape(plain(text)))

    def note(self, text: str) -> None:
        """Print a line that stays."""
        note(text)


@contextmanager
def progress(shown: bool = True) -> Iterator[Progress]:
    """Show progress on stderr while the context lasts: a status line on a terminal, else a line now and then.

    It is the same with --json, which concerns stdout alone.
    """
    reporter = Progress()
    if not shown:
        yield reporter
    elif sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(reporter.text) as status:
            reporter.status = status
            yield reporter
    else:
        with _now_and_then(reporter):
            yield reporter


@contextmanager
def _now_and_then(reporter: Progress) -> Iterator[None]:
    """Print what is being done every INTERVAL seconds; nothing for what is done sooner."""
    import threading

    done = threading.Event()

    def tell() -> None:
        with suppress(OSError):
            while not done.wait(INTERVAL):
                note(f"{reporter.text}, since {time.strftime('%H:%M:%S', time.localtime(reporter.since))}")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
