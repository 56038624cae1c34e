"""What a backup of an application costs, in a few words."""

from __future__ import annotations

from collections.abc import Iterator

from chainsaw.model.recipe import Recipe

READ = {
    "running": "files while it works",
    "quiesced": "files while its writes wait",
    "stopped": "files while it is stopped for a moment",
}


def backup_lines(recipe: Recipe) -> list[str]:
    """Return what a backup costs and how data is read, and why that is enough; nothing where there is no data."""
    if not recipe.volumes:
        return []
    if recipe.backup is None:
        return ["it is stopped for a part of each: the recipe does not say how one is consistent"]
    cost = "a short stop" if recipe.backup.files == "stopped" else "0 s downtime"
    return [f"{cost}: {', '.join(_ways(recipe))}", recipe.backup.why]


def _ways(recipe: Recipe) -> Iterator[str]:
    if recipe.dumped_volumes:
        yield "the database by its own dump"
    if recipe.backup and recipe.backup.sqlite:
        yield "databases by SQLite"
    if recipe.backup and recipe.volumes.keys() - recipe.dumped_volumes.keys():
        yield READ[recipe.backup.files]
