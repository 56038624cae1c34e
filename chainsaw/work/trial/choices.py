"""What an admin may write into an instance's file: each option of a recipe's settings, each directive it honours."""

from __future__ import annotations

from collections.abc import Mapping

from chainsaw.compile.sample import options_of
from chainsaw.load.settings import Value
from chainsaw.work.trial.data import demand, write
from chainsaw.work.trial.page import check_page
from chainsaw.work.trial.problem import trying, wrong
from chainsaw.work.trial.scene import Scene, new_marker, wait_until
from chainsaw.work.trial.variants import in_words, is_variant

DIRECTIVES: Mapping[str, object] = {
    "admin": {"email": "kim@example.net"},
    "timezone": "Asia/Kathmandu",
    "language": "de",
    "upload_limit": "96M",
}
"""A value that nobody has by default; that of mail is the mail server of the test."""
LETTER = 'exit(mail("kim@example.net", "A test", "It arrives.") ? 0 : 1);'
DELIVERY = 30.0


def try_options(scene: Scene) -> list[str]:
    """Let an instance run with each option, and return these; raise ChainsawError where its page is then wrong.

    An option that changes the recipe itself gets an instance of its own, in which data is written and read, too.
    """
    tried = []
    for name, value in options_of(scene.bundle.recipe):
        shown = in_words(name, value)
        scene.report.doing(f"level 5: {shown}")
        with trying(f"with {shown}"):
            if is_variant(scene.bundle.recipe, {name: value}):
                _install_variant(scene, {name: value})
            else:
                scene.declare(scene.first, settings={name: value})
                scene.apply(scene.first)
                check_page(scene, scene.first)
        tried.append(shown)
    return tried


def _install_variant(scene: Scene, chosen: Mapping[str, Value]) -> None:
    scene.purge(scene.second)
    scene.declare(scene.second, settings=chosen)
    scene.apply(scene.second)
    check_page(scene, scene.second)
    recipe = scene.recipe(scene.second)
    if recipe.marker:
        word = new_marker()
        write(scene, scene.second, word)
        if recipe.primary:
            scene.restart(scene.second)
        check_page(scene, scene.second)
        demand(scene, scene.second, "after a restart", word)
    for directive in recipe.honours.keys() - scene.bundle.recipe.honours.keys():
        _try_directive(scene.variant(chosen), directive)
    scene.purge(scene.second)


def try_directives(scene: Scene) -> list[str]:
    """Let an instance run with each common directive that the recipe honours, and return these.

    Raise ChainsawError where its page is then wrong, and where mail that PHP sends does not arrive.
    """
    for directive in scene.bundle.recipe.honours:
        _try_directive(scene, directive)
    return list(scene.bundle.recipe.honours)


def _try_directive(scene: Scene, directive: str) -> None:
    scene.report.doing(f"level 5: {directive}")
    with trying(f"with {directive}"):
        scene.declare(scene.first, keys={directive: DIRECTIVES.get(directive, scene.mail)})
        scene.apply(scene.first)
        check_page(scene, scene.first)
        if directive == "mail" and scene.recipe(scene.first).runtime == "php-fpm":
            _send(scene)


def _send(scene: Scene) -> None:
    before = len(scene.mailbox.letters)
    outcome = scene.podman.exec(f"{scene.first}.app", ["php", "-r", LETTER])
    if outcome.code or not wait_until(lambda: len(scene.mailbox.letters) > before, DELIVERY):
        said = f": {outcome.complaint}" if outcome.complaint else ""
        raise wrong(f"a letter from PHP's mail() does not reach the mail server{said}")
