"""recipe lint, new, docs, guide: commands for the authors of recipes."""

from __future__ import annotations

from chainsaw.compile.lint import lint
from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import files
from chainsaw.model.names import check_word
from chainsaw.model.quantity import counted
from chainsaw.work.recipes.catalog import read_recipe
from chainsaw.work.recipes.page import markdown
from chainsaw.work.recipes.shipped import shared_files, shipped
from chainsaw.work.result import Result


def lint_recipe(directory: str) -> Result:
    """Return the errors and warnings of a recipe; the exit code is 5 when there are errors."""
    place = files.real_path(directory)
    bundle = read_recipe(place, place.rsplit("/", 1)[-1])
    found = lint(bundle, shared_files())
    wrong = sum(item.severity == "error" for item in found)
    line = f"{bundle.recipe.name}: {counted(wrong, 'error')}, {counted(len(found) - wrong, 'warning')}"
    data = {"recipe": bundle.recipe.name, "errors": wrong, "warnings": len(found) - wrong}
    return Result(data, (line,), tuple(found), Exit.INVALID if wrong else Exit.OK)


def new_recipe(name: str, kind: str, parent: str) -> Result:
    """Write a small working recipe below a directory; raise ChainsawError when the directory exists already."""
    try:
        check_word(name)
    except ValueError as error:
        raise invalid(Diagnostic("recipe-name", str(error), key=name)) from None
    directory = f"{files.real_path(parent)}/{name}"
    if files.exists(directory):
        raise ChainsawError(
            Diagnostic("exists", "this directory exists already", directory, hint="choose another name")
        )
    skeleton = files.read_directory(shipped(f"quadlets/skeletons/{kind}"))
    for path, content in skeleton.items():
        mode = 0o755 if content.startswith(b"#!") else 0o644
        files.write_atomic(f"{directory}/{path}", content.replace(b"NAME", name.encode()), mode)
    lines = [f"wrote {directory}/{path}" for path in sorted(skeleton)]
    return Result({"path": directory, "files": sorted(skeleton)}, (*lines, f"next: chainsaw recipe lint {directory}"))


def recipe_docs(directory: str) -> Result:
    """Return a recipe's page in Markdown."""
    place = files.real_path(directory)
    page = "\n".join(markdown(read_recipe(place, place.rsplit("/", 1)[-1])))
    return Result({"markdown": page}, (page,))


def guide() -> Result:
    """Return the guide to writing recipes."""
    text = (files.read_text(f"{shipped('recipes')}/README.md") or "").rstrip("\n")
    return Result({"markdown": text}, (text,))
