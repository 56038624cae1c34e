"""A recipe's marker in the instances of a test: written once, and read again after whatever happened to them."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.model.serve import Marker
from chainsaw.work.trial.scene import Scene


def marker_of(scene: Scene) -> Marker:
    """Return the recipe's marker; raise ChainsawError when it has none: nothing shows then what becomes of data."""
    if scene.bundle.recipe.marker is None:
        raise ChainsawError(Diagnostic("level", "the recipe has no marker, so nothing shows that data is kept"))
    return scene.bundle.recipe.marker


def write_once(scene: Scene) -> None:
    """Write the marker into the first instance, unless it is there already; raise ChainsawError when that fails."""
    if not scene.is_written:
        write(scene, scene.first, scene.marker)
        scene.is_written = True


def write(scene: Scene, name: str, word: str) -> None:
    """Write a marker into an instance and read it; raise ChainsawError with the step that fails."""
    scene.wait_until_up(name)
    scene.player(name).play(marker_of(scene).write, word)
    _read(scene, name, word)


def demand(scene: Scene, name: str, when: str) -> None:
    """Raise ChainsawError, with what was received, when the scene's marker is not in an instance."""
    scene.wait_until_up(name)
    try:
        _read(scene, name, scene.marker)
    except ChainsawError as error:
        found = "; ".join(item.headline() for item in error.diagnostics)
        raise ChainsawError(Diagnostic("level", f"{when} its data is missing: {found}")) from error


def holds(scene: Scene, name: str, word: str) -> bool:
    """Return whether a marker can be read in an instance; that reading works there must have been shown before."""
    scene.wait_until_up(name)
    try:
        _read(scene, name, word)
    except ChainsawError:
        return False
    return True


def _read(scene: Scene, name: str, word: str) -> None:
    scene.player(name).play(marker_of(scene).read, word, "read")
