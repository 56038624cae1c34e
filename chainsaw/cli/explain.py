"""--explain: the commands of podman, systemctl, journalctl, nginx and git that do the same."""

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
    """The arguments of a command; one that was not given is shown as its name in capitals."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def explain(verb: Verb, params: Mapping[str, Any]) -> None:
    """Print the equivalent commands of a verb, with the arguments that were given."""
    from chainsaw.cli.output import say

    given = {name: value for name, value in params.items() if isinstance(value, str)}
    for line in verb.stands_for:
        say(line.format_map(_Names({**DIRECTORIES, **given})))
