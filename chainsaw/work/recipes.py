"""What an author asks of a recipe's directory."""

from __future__ import annotations

from chainsaw.compile.lint import lint
from chainsaw.errors import Exit
from chainsaw.host import files
from chainsaw.work.catalog import read_recipe
from chainsaw.work.result import Result
from chainsaw.work.shipped import shared_files


def lint_recipe(directory: str) -> Result:
    """Return what is wrong or doubtful in a recipe; the exit code is 5 for what is wrong."""
    place = files.real_path(directory)
    bundle = read_recipe(place, place.rsplit("/", 1)[-1])
    found = lint(bundle, shared_files())
    wrong = sum(item.severity == "error" for item in found)
    line = f"{bundle.recipe.name}: {wrong} errors, {len(found) - wrong} warnings"
    data = {"recipe": bundle.recipe.name, "errors": wrong, "warnings": len(found) - wrong}
    return Result(data, (line,), tuple(found), Exit.INVALID if wrong else Exit.OK)
