"""recipe test: runs the levels in order, and records the results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from chainsaw import __version__
from chainsaw.compile.sample import sample_digest
from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.mailbox import Mailbox
from chainsaw.load.recipe import Bundle
from chainsaw.model.tested import LEVELS as MEANINGS
from chainsaw.model.tested import LevelResult, Tested
from chainsaw.work.recipes.catalog import catalog_of, read_recipe
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter, Result
from chainsaw.work.trial.data import demand
from chainsaw.work.trial.levels import LEVELS, Evidence
from chainsaw.work.trial.scene import Scene

RECORD = "tested.json"


def run_trial(account: Account, directory: str, levels: Sequence[int], after: str, report: Reporter) -> Result:
    """Test levels of a recipe on this host and write the results beside it.

    `after` is "pause" to leave the first instance for a reboot, "resume" to check it after one, "keep" to leave it
    running until the next test, or "" to remove it.
    """
    directory = files.real_path(directory)
    name = directory.rsplit("/", 1)[-1]
    bundle, catalog = read_recipe(directory, name), catalog_of(account.paths, {name: directory})
    pending = f"{account.paths.trials}/{name}.json"
    with Mailbox() as mailbox:
        scene = Scene(bundle, catalog, report, account, mailbox)
        if after == "resume":
            return _resume(scene, directory, pending)
        return _begin(scene, directory, levels, after, pending)


def _begin(scene: Scene, directory: str, levels: Sequence[int], after: str, pending: str) -> Result:
    # Other commands that read the instances meanwhile must find their recipe.
    files.write_atomic(pending, json.dumps({"format": 1, "directory": directory}).encode())
    try:
        return _tried(scene, directory, levels, after, pending)
    except BaseException:
        _clear(scene)
        files.remove(pending)
        raise


def _tried(scene: Scene, directory: str, levels: Sequence[int], after: str, pending: str) -> Result:
    report, bundle = scene.report, scene.bundle
    results: dict[int, LevelResult] = {}
    _clear(scene)
    # All later levels use what the second one installed.
    for number in sorted({*levels, *((2,) if max(levels) > 2 else ())}):
        report.note(f"level {number}: {MEANINGS[number]}")
        results[number] = _outcome_of(partial(LEVELS[number], scene))
        if not results[number].passed:
            break
    tested = _tested(scene, results)
    if after == "pause" and results.get(3, _MISSED).passed:
        known = {"format": 1, "directory": directory, "marker": scene.marker, "tested": tested.model_dump(mode="json")}
        files.write_atomic(pending, json.dumps(known).encode())
        return _result(
            tested, bundle, f"level 3 waits for a reboot; after it: chainsaw recipe test {directory} --resume"
        )
    tested = _without_reboot(tested)
    _write(directory, tested)
    if after == "keep":
        return _result(tested, bundle, f"{scene.first} stays, at https://{scene.first}.localhost/, until the next test")
    _clear(scene)
    files.remove(pending)
    return _result(tested, bundle)


_MISSED = LevelResult(passed=False, seconds=0)


def _outcome_of(check: Callable[[], Evidence], seconds: float = 0.0) -> LevelResult:
    """Return how a check ended; `seconds` have been spent on its level before."""
    began = time.monotonic() - seconds
    try:
        found = LevelResult(passed=True, seconds=0, evidence=check())
    except ChainsawError as error:
        problems = tuple(item.render() for item in error.diagnostics)
        found = LevelResult(passed=False, seconds=0, problems=problems or ("it failed, and nothing says why",))
    except OSError as error:
        found = LevelResult(passed=False, seconds=0, problems=(str(error),))
    return found.model_copy(update={"seconds": round(time.monotonic() - began, 1)})


def _kept(scene: Scene) -> Evidence:
    demand(scene, scene.first, "after the reboot")
    return {}


def _clear(scene: Scene) -> None:
    for name in (scene.first, scene.second):
        scene.purge(name)


def _resume(scene: Scene, directory: str, pending: str) -> Result:
    """Check the marker after a reboot, and write the record; raise ChainsawError when no test waits for a reboot."""
    known = json.loads(files.read_text(pending) or "{}")
    if "tested" not in known:
        hint = f"chainsaw recipe test {directory} --pause; then reboot"
        raise ChainsawError(
            Diagnostic("no-trial", f"no test of {scene.name} waits for a reboot", hint=hint), Exit.MISSING
        )
    tested = Tested.model_validate_json(json.dumps(known["tested"]))
    scene.marker, scene.is_written = known["marker"], True
    third = tested.levels[3]
    evidence = {**third.evidence, "boot_after": facts.boot_id()}
    if evidence["boot_after"] == evidence["boot"]:
        raise invalid(Diagnostic("no-reboot", "this host was not rebooted since the test began", hint="sudo reboot"))
    after = _outcome_of(lambda: _kept(scene), third.seconds)
    level = after.model_copy(update={"evidence": evidence})
    tested = tested.model_copy(update={"levels": {**tested.levels, 3: level}})
    _clear(scene)
    files.remove(pending)
    _write(directory, tested)
    return _result(tested, scene.bundle)


def _tested(scene: Scene, results: dict[int, LevelResult]) -> Tested:
    recipe = scene.bundle.recipe
    return Tested(
        recipe=recipe.name,
        version=f"{recipe.version}-{recipe.revision}",
        digest=scene.bundle.digest,
        compiled=sample_digest(scene.bundle, shared_files()),
        date=time.strftime("%Y-%m-%d"),
        by=f"chainsaw {__version__}",
        host=facts.description(scene.account.paths),
        levels=results,
        measured=scene.measured,
    )


def _without_reboot(tested: Tested) -> Tested:
    """Mark level 3 as not passed: without a reboot it is only half tested."""
    third = tested.levels.get(3)
    if third is None or not third.passed:
        return tested
    problem = "not tried across a reboot: chainsaw recipe test DIR --pause, reboot, chainsaw recipe test DIR --resume"
    level = third.model_copy(update={"passed": False, "problems": (problem,)})
    return tested.model_copy(update={"levels": {**tested.levels, 3: level}})


def _write(directory: str, tested: Tested) -> None:
    content = json.dumps(tested.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    files.write_atomic(f"{directory}/{RECORD}", content.encode())


def _result(tested: Tested, bundle: Bundle, pending: str = "") -> Result:
    lines = []
    problems = []
    for number, found in sorted(tested.levels.items()):
        mark = "ok    " if found.passed else "FAILED"
        lines.append(f"{number}  {mark}  {found.seconds:6.1f} s  {MEANINGS[number]}")
        problems += [Diagnostic("level", problem, key=f"level {number}") for problem in found.problems]
    shown = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in tested.measured.items())
    lines += [f"measured: {shown}"] if shown else []
    lines.append(pending or f"{bundle.recipe.name} {tested.version} reaches level {tested.level}")
    level = min(tested.level, 2) if pending else tested.level
    data: dict[str, Any] = {"tested": tested.model_dump(mode="json"), "level": level}
    return Result(data, tuple(lines), tuple(problems), Exit.FAILED if problems else Exit.OK)
