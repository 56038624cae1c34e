"""How a backup of an application is consistent: the key backup of a recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from chainsaw.model.base import Model
from chainsaw.model.names import Text, Word, check_relative

Files = Literal["running", "quiesced", "stopped"]
"""How files are read: while it works, while a command holds its writes, or while it is stopped."""


def check_pattern(value: str) -> str:
    """Return a path below a volume in which * stands for any part of one name, or raise ValueError."""
    check_relative(re.sub(r"\*", "x", value))
    return value


Pattern = Annotated[str, AfterValidator(check_pattern)]


class Hook(Model):
    """A command that a component runs for a backup."""

    component: Word = Field(description="Where it runs.")
    command: tuple[Text, ...] = Field(min_length=1, description="Arguments; the first is the program.")


class Consistent(Model):
    """How a backup of the application is consistent, and what is no part of it."""

    files: Files = Field(
        description="running: its files are only added or replaced whole, and may be read while it works. quiesced: "
        "they are read while quiesce holds its writes. stopped: it is stopped until what has changed is read."
    )
    why: Text = Field(description="Why that is enough, for the person who wonders.")
    quiesce: Hook | None = Field(
        None,
        description="Holds all writes, prints a line as soon as it does, and ends when its standard input is closed.",
    )
    sqlite: dict[Word, tuple[Pattern, ...]] = Field(
        {}, description="For a volume, the SQLite databases in it, which are copied by SQLite itself."
    )
    excludes: dict[Word, tuple[Pattern, ...]] = Field(
        {}, description="For a volume, what the application makes again by itself: cache/* is all that is in cache."
    )
    restored: Hook | None = Field(None, description="Runs once after a restore, when the application is up again.")

    @model_validator(mode="after")
    def _holds_if_it_says_so(self) -> Consistent:
        if (self.files == "quiesced") != (self.quiesce is not None):
            raise ValueError("files: quiesced needs quiesce: {component: app, command: [...]}, and nothing else does")
        return self

    @property
    def names(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        """Yield each name that the recipe must declare: its key path, its kind, and the name."""
        for kind in ("sqlite", "excludes"):
            yield from (((kind, name), "volume", name) for name in getattr(self, kind))
        for kind in ("quiesce", "restored"):
            hook: Hook | None = getattr(self, kind)
            if hook:
                yield (kind, "component"), "component", hook.component
