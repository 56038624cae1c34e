"""--explain: what a command stands for, in the words of podman, systemctl, journalctl, nginx and git."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainsaw.cli.verb import Verb

DIRECTORIES = {
    "CONFIG": "~/.config/chainsaw",
    "DATA": "~/.local/share/chainsaw",
    "STATE": "~/.local/state/chainsaw",
}


class _Names(dict[str, Any]):
    """The arguments of a command; one that was not given is its name in capitals."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def explain(verb: Verb, params: Mapping[str, Any]) -> None:
    """Print what a verb stands for with the arguments that were given."""
    from chainsaw.cli.output import say

    given = {name: value for name, value in params.items() if isinstance(value, str)}
    for line in verb.stands_for:
        say(line.format_map(_Names({**DIRECTORIES, **given})))
