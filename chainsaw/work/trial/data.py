"""A recipe's marker in the instances of a test: written once, and read again after whatever happened to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chainsaw.errors import ChainsawError
from chainsaw.model.serve import Marker, Step
from chainsaw.work.trial.problem import wrong
from chainsaw.work.trial.scene import Scene


def marker_of(scene: Scene, name: str) -> Marker:
    """Return the marker for an instance; raise ChainsawError if there is none: nothing shows then what becomes of data.

    A variant may have another one.
    """
    marker = scene.recipe(name).marker
    if marker is None:
        raise wrong("the recipe has no marker, so nothing shows that data is kept")
    return marker


def write_once(scene: Scene) -> None:
    """Write the marker into the first instance, unless it is there already; raise ChainsawError when that fails."""
    if not scene.is_written:
        write(scene, scene.first, scene.marker)
        scene.is_written = True


def write(scene: Scene, name: str, word: str) -> None:
    """Write a marker into an instance and read it; raise ChainsawError with the step that fails."""
    scene.wait_until_up(name)
    scene.player(name).play(marker_of(scene, name).write, word)
    _read(scene, name, word)


def demand(scene: Scene, name: str, when: str, word: str = "") -> None:
    """Raise ChainsawError, with what was received, when a marker is not in an instance: the scene's, or another."""
    scene.wait_until_up(name)
    try:
        _read(scene, name, word or scene.marker)
    except ChainsawError as error:
        found = "; ".join(item.headline() for item in error.diagnostics)
        raise wrong(f"{when} its data is missing: {found}") from error


def holds(scene: Scene, name: str, word: str) -> bool:
    """Return whether a marker can be read in an instance; that reading works there must have been shown before."""
    scene.wait_until_up(name)
    try:
        _read(scene, name, word)
    except ChainsawError:
        return False
    return True


def works_with(scene: Scene, name: str, steps: Sequence[Step], secrets: Mapping[str, str]) -> bool:
    """Return whether steps of the marker succeed with other secrets than those of the instance."""
    scene.wait_until_up(name)
    try:
        scene.player(name, secrets).play(steps, scene.marker)
    except ChainsawError:
        return False
    return True


def _read(scene: Scene, name: str, word: str) -> None:
    scene.player(name).play(marker_of(scene, name).read, word, "read")
