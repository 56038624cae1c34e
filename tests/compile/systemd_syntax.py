"""A second reader of unit files, written from systemd.syntax(7), systemd.service(5) and systemd.unit(5) alone.

It knows nothing of chainsaw's writer and refuses all that would make systemd expand, join or drop something.
"""

from __future__ import annotations

import string

ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
ESCAPES |= {character: character for character in "\\\"'"}
NUMERIC = {"x": 2, "u": 4, "U": 8}
WHITESPACE = " \t\n\r"


def read(text: str) -> list[tuple[str, str, str]]:
    """Return (section, key, raw value) in file order."""
    entries, section, pending = [], "", ""
    for line in text.split("\n"):
        if pending == "" and line.lstrip(WHITESPACE)[:1] in ("", "#", ";"):
            continue
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        whole, pending = (pending + line).strip(WHITESPACE), ""
        if whole.startswith("["):
            assert whole.endswith("]"), whole
            section = whole[1:-1]
            continue
        key, equals, value = whole.partition("=")
        assert equals, f"not key=value: {whole!r}"
        assert section, f"before the first section: {whole!r}"
        entries.append((section, key.rstrip(WHITESPACE), value.lstrip(WHITESPACE)))
    assert pending == "", "the last line is continued"
    return entries


def words(raw: str) -> list[str]:
    """Return the words of a value: split at whitespace, quotes taken off, C escapes resolved."""
    found: list[str] = []
    rest = raw.lstrip(WHITESPACE)
    while rest:
        word, rest = _word(rest)
        found.append(word)
        rest = rest.lstrip(WHITESPACE)
    return found


def _word(text: str) -> tuple[str, str]:
    word, quote, position = "", "", 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            resolved, position = _escape(text, position + 1)
            word += resolved
            continue
        if quote and character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and character in WHITESPACE:
            break
        else:
            word += character
        position += 1
    assert not quote, f"a quote is not closed: {text!r}"
    return word, text[position:]


def _escape(text: str, position: int) -> tuple[str, int]:
    """Return the characters of the escape sequence after a backslash, and the position after it."""
    kind = text[position]
    if kind in ESCAPES:
        return ESCAPES[kind], position + 1
    if kind in NUMERIC:
        end = position + 1 + NUMERIC[kind]
        return chr(int(text[position + 1 : end], 16)), end
    assert kind in string.octdigits, f"no escape of systemd: \\{kind}"
    return chr(int(text[position : position + 3], 8)), position + 3


def without_specifiers(text: str) -> str:
    """Return a text with %% as %; refuse every other specifier."""
    return _halved(text, "%")


def expanded(word: str) -> str:
    """Return one word of a command line as the program gets it; refuse specifiers and variables."""
    return _halved(_halved(word, "%"), "$")


def _halved(text: str, mark: str) -> str:
    found, position = "", 0
    while position < len(text):
        if text[position] == mark:
            assert text[position + 1 : position + 2] == mark, f"systemd would expand {text[position:]!r}"
            position += 1
        found += text[position]
        position += 1
    return found


def setting(raw: str) -> str:
    """Return the value of a plain setting, such as Description=."""
    return without_specifiers(raw)


def argument(raw: str) -> str:
    """Return the argument of podman that quadlet makes of a value which it takes as it is."""
    return expanded(raw)


def arguments(raw: str) -> list[str]:
    """Return the arguments that quadlet, or ExecStart=, makes of a value which is split into words."""
    return [expanded(word) for word in words(raw)]
