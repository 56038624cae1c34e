"""Writes manual pages in roff (groff_man(7)), in which no text is taken for a command of roff."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

_ESCAPES = {"\\": r"\(rs", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}


def escaped(text: str) -> str:
    """Return a text in one line that roff prints as it is."""
    return _literal(" ".join(text.split()))


def _literal(line: str) -> str:
    escapes = "".join(_character(one) for one in line)
    return f"\\&{escapes}" if line.startswith(".") else escapes


def _character(one: str) -> str:
    if one.isascii() and one.isprintable():
        return _ESCAPES.get(one, one)
    return f"\\[u{ord(one):04X}]"


def bold(text: str) -> str:
    """Return a text to be typed as it is."""
    return f"\\fB{escaped(text)}\\fP"


def italic(text: str) -> str:
    """Return a text that stands for another one."""
    return f"\\fI{escaped(text)}\\fP"


def marked(text: str) -> str:
    """Return a text with what is between backticks in bold."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return "".join(bold(part) if number % 2 else _inside(part) for number, part in enumerate(parts) if part)


def _inside(part: str) -> str:
    """Return a part of a line with the spaces at its ends."""
    before, after = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
    return before + escaped(part) + after if part.strip() else part


@dataclass
class Page:
    """A manual page; what is added to it is text, except for the terms of lists, which are roff already."""

    name: str
    section: int
    summary: str
    lines: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.{self.section}"

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.lines.append(f'.SH "{escaped(text.upper())}"')

    def subheading(self, text: str) -> None:
        """Begin a subsection."""
        self.lines.append(f'.SS "{escaped(text)}"')

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self.lines += [".PP", marked(text)]

    def item(self, term: str, *texts: str) -> None:
        """Add an entry of a list: a term in roff, and what it means."""
        first, *more = texts
        self.lines += [".TP", term, marked(first)]
        for text in more:
            self.lines += [".IP", marked(text)]

    def inner(self, items: Iterable[tuple[str, str]]) -> None:
        """Add a list that belongs to the entry before it."""
        self.lines.append(".RS")
        for term, text in items:
            self.item(term, text)
        self.lines.append(".RE")

    def example(self, text: str) -> None:
        """Add lines that are printed as they are."""
        self.lines += [".PP", ".RS 4", ".EX"]
        for line in text.strip("\n").splitlines():
            self.lines.append(_literal(line.rstrip()))
        self.lines += [".EE", ".RE"]

    def text(self, version: str, date: str) -> str:
        """Return the whole page, as of a version and a day."""
        title = f'.TH "{self.name.upper()}" "{self.section}" "{date}" "chainsaw {version}" "chainsaw"'
        name = [".SH NAME", f"{escaped(self.name)} \\- {escaped(self.summary)}"]
        return "\n".join([title, *name, *self.lines]) + "\n"
