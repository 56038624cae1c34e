"""Values that are one word, or what another rule takes."""

from __future__ import annotations

from collections.abc import Callable


def word_or(word: str, check: Callable[[str], str]) -> Callable[[str], str]:
    """Return a check that takes one word as well as what another check takes; its ValueError names the word, too."""

    def checked(value: str) -> str:
        if value == word:
            return value
        try:
            return check(value)
        except ValueError as error:
            raise ValueError(f"{error}, or {word}") from None

    return checked
