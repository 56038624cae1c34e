"""The manual pages: chainsaw(1) from the commands, and those of the files that people write.

`python3 -m chainsaw.cli.manual DIR` writes them below DIR, as man1/chainsaw.1 and so on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from chainsaw import __version__
from chainsaw.cli.command import Command
from chainsaw.cli.keys import DESCRIPTIONS, page_of
from chainsaw.cli.main import EXIT_CODES, FIRST_STEPS, group
from chainsaw.cli.roff import Page, bold, italic
from chainsaw.cli.verb import Verb
from chainsaw.cli.verbs import FUNCTIONS, TEN

DESCRIPTION = (
    "chainsaw hosts web applications on one small server. You write a few lines for each application, an instance of a"
    " recipe; chainsaw compiles them into plain rootless Podman units that systemd runs, behind one shared nginx that"
    " does routing and TLS.",
    "chainsaw does not keep running after `chainsaw apply`. systemd runs everything that it made, and"
    " `systemctl --user` shows, stops and starts it: the applications, the front, and a small program that bounds their"
    " logs. Every command that changes something writes a line into the journal, which `journalctl --user -t chainsaw`"
    " shows.",
    "Only `sudo chainsaw setup` needs root, once. All other commands are for an ordinary user.",
)
FILES = {
    "~/.config/chainsaw/": "Your files, a git repository; each apply that changes something is a commit in it.",
    "~/.config/chainsaw/instances/NAME.yaml": "An instance, see `chainsaw-instance(5)`.",
    "~/.config/chainsaw/site.yaml": "What all instances share, see `chainsaw-site(5)`.",
    "~/.local/share/chainsaw/instances/NAME/": "The volumes and the secrets of an instance.",
    "~/.local/share/chainsaw/public/NAME/": "Those volumes of it that the front may serve.",
    "~/.local/state/chainsaw/generations/": "Generated units and nginx files; `current` is what runs now.",
    "/usr/share/chainsaw/recipes/": "The recipes of this package, each with a recipe.yaml, see `chainsaw-recipe(5)`.",
    "/usr/share/doc/chainsaw/": "README.md, the manual as a whole, and the guide to writing recipes.",
}
ENVIRONMENT = {
    "XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME": "Used instead of ~/.config, ~/.local/share and ~/.local/state.",
    "XDG_RUNTIME_DIR": "Where the session has its sockets; /run/user/UID when it is not set.",
    "VISUAL, EDITOR": "The editor of `chainsaw config edit`.",
    "NO_COLOR": "No colours, if it is set and not empty.",
    "SUDO_USER": "Whom `setup` prepares the host for, and who is named in the journal.",
}
SEE_ALSO = (
    ("chainsaw-instance", 5),
    ("chainsaw-site", 5),
    ("chainsaw-recipe", 5),
    ("podman", 1),
    ("podman-systemd.unit", 5),
    ("systemctl", 1),
    ("journalctl", 1),
)
OF_ALL = {
    "-h, --help": "Show what a command does, with examples.",
    "--json": "Print one JSON document instead of text; every command that reports something has it.",
    "--explain": "Print the commands of podman, systemctl, journalctl and git that do the same, and do nothing.",
}
"""The options that are explained once; a command whose own --explain differs says so."""


def pages(version: str, date: str) -> dict[str, str]:
    """Return every manual page by the name of its file, as of a version and a day."""
    made = [command_page(), *map(page_of, DESCRIPTIONS)]
    return {page.file: page.text(version, date) for page in made}


def command_page() -> Page:
    """Return chainsaw(1)."""
    page = Page("chainsaw", 1, "self-host web applications on one small server")
    page.heading("Synopsis")
    page.lines += [
        f"{bold('chainsaw')} {italic('COMMAND')} [{italic('ARGUMENT')}]...",
        ".br",
        f"{bold('chainsaw')} [{italic('COMMAND')}] {bold('--help')}",
    ]
    page.heading("Description")
    for text in DESCRIPTION:
        page.paragraph(text)
    page.heading("Options")
    for option, text in {"--version": "Print the version.", **OF_ALL}.items():
        page.item(bold(option), text)
    page.heading("Commands")
    for function in [*TEN, *(name for name in FUNCTIONS if name not in TEN)]:
        page.subheading(function)
        if function not in FUNCTIONS:
            page.paragraph("There is no command for this yet.")
        _add_verbs(page, function)
    _add_facts(page)
    return page


def _add_facts(page: Page) -> None:
    """Add what follows the commands."""
    page.heading("Exit status")
    for code, meaning in EXIT_CODES.items():
        page.item(bold(str(int(code))), f"{meaning[:1].upper()}{meaning[1:]}.")
    for heading, facts in (("Files", FILES), ("Environment", ENVIRONMENT)):
        page.heading(heading)
        for term, text in facts.items():
            page.item(bold(term), text)
    page.heading("Examples")
    page.paragraph("From the installed package to the first site:")
    page.example(FIRST_STEPS)
    page.paragraph("`chainsaw COMMAND --help` has examples of each command.")
    page.heading("See also")
    page.lines.append(", ".join(f"{bold(name)}({section})" for name, section in SEE_ALSO))


def _add_verbs(page: Page, function: str) -> None:
    context = click.Context(group, info_name="chainsaw")
    for verb in FUNCTIONS.get(function, ()):
        for path, command in _commands(verb, group, context):
            summary, *more = (command.help or "").split("\n\n")
            page.item(" ".join([bold(f"chainsaw {path}"), *_arguments(command)]), summary, *more)
            options = list(_options(command))
            if options:
                page.inner(options)


def _commands(verb: Verb, inside: click.Group, context: click.Context) -> Iterator[tuple[str, Command]]:
    """Yield the command of a verb, or all those of a group, each with its words."""
    found = inside.get_command(context, verb.name)
    if isinstance(found, click.Group):
        for inner in verb.verbs:
            for path, command in _commands(inner, found, context):
                yield f"{verb.name} {path}", command
    else:
        assert isinstance(found, Command)
        yield verb.name, found


def _arguments(command: Command) -> Iterator[str]:
    for item in command.params:
        if isinstance(item, click.Argument):
            name = item.metavar or _choice(item) or (item.name or "").upper()
            yield italic(name) if item.required or item.metavar else f"[{italic(name)}]"


def _options(command: Command) -> Iterator[tuple[str, str]]:
    """Yield the options of a command that not every one has, each as its term and its text."""
    common = ("--json", "--explain") if command.verb.stands_for else ("--json",)
    for item in command.params:
        if not isinstance(item, click.Option) or item.opts[-1] in common:
            continue
        term = ", ".join(map(bold, item.opts))
        if not item.is_flag:
            term += f" {italic(item.metavar or _choice(item) or _kind(item))}"
        shown = f" Default: {item.default}." if item.show_default else ""
        yield term, f"{item.help}{shown}"


def _kind(item: click.Parameter) -> str:
    return "NUMBER" if isinstance(item.type, click.IntRange) else item.type.name.upper()


def _choice(item: click.Parameter) -> str:
    kind: Any = item.type
    return "|".join(kind.choices) if isinstance(kind, click.Choice) else ""


def write(directory: str, date: str = "") -> None:
    """Write all pages below a directory, as man(1) looks for them."""
    for name, text in pages(__version__, date).items():
        target = Path(directory, f"man{name[-1]}", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m chainsaw.cli.manual DIR")
    write(sys.argv[1])
