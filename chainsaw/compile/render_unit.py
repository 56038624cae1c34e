"""From a shared template to the text of a unit: rendered, parsed, checked, encoded, and with a header."""

from __future__ import annotations

from typing import Any

from chainsaw.compile.context import Host, Shared
from chainsaw.compile.header import marked
from chainsaw.compile.template import render
from chainsaw.compile.unitfile import check_unit, parse_unit, write_unit
from chainsaw.errors import invalid
from chainsaw.model.artifact import Artifact


def unit_artifact(
    path: str, template: str, context: dict[str, Any], *, shared: Shared, host: Host, origin: str, owner: str
) -> Artifact:
    """Return a unit file; `path` is relative to the generation. Raise ChainsawError for unknown keys."""
    filename = path.rsplit("/", 1)[-1]
    where = f"quadlets/{template}"
    unit = parse_unit(filename, where, render(where, shared.templates[template], context))
    problems = check_unit(unit, where, host.podman)
    if problems:
        raise invalid(problems)
    return Artifact(path, marked(origin, write_unit(unit)).encode(), owner)
