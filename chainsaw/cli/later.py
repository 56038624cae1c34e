"""update: what this version cannot do yet, and what to do until then."""

from __future__ import annotations

from typing import NoReturn

from chainsaw.cli.arguments import json_option, optional_instance_argument
from chainsaw.cli.command import command
from chainsaw.errors import ChainsawError, Diagnostic


def _not_yet(message: str, hint: str) -> NoReturn:
    raise ChainsawError(Diagnostic("not-yet", f"not in this version: {message}", hint=f"until then: {hint}"))


@command("update", "chainsaw update blog", "chainsaw update blog --explain")
@optional_instance_argument
@json_option
def update(name: str | None, as_json: bool) -> None:
    """Its data will be copied before. This version does nothing, and says which commands to use today.

    With --explain it prints them.
    """
    name = name or "NAME"
    _not_yet(
        "chainsaw update will bring an instance to the newest version of its recipe, after a backup",
        f"chainsaw backup {name}; then chainsaw install RECIPE, and chainsaw apply {name}",
    )
