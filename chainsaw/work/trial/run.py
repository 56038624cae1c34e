"""recipe test: runs the levels in order, and records the results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chainsaw import __version__
from chainsaw.compile.sample import sample_digest
from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.mailbox import Mailbox
from chainsaw.model.tested import LEVELS as MEANINGS
from chainsaw.model.tested import LevelResult, Tested
from chainsaw.work.backup.content import TRIED
from chainsaw.work.recipes.catalog import catalog_of, read_recipe
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Reporter, Result
from chainsaw.work.trial.data import demand
from chainsaw.work.trial.elsewhere import hand_over
from chainsaw.work.trial.levels import LEVELS, Evidence
from chainsaw.work.trial.rehearsal import discard_certificate
from chainsaw.work.trial.scene import Scene

RECORD = "tested.json"


@dataclass(frozen=True)
class Passing:
    """The directory in which a backup is left for another host, or the one in which another host has left one."""

    hand_over: str = ""
    take_over: str = ""


HERE = Passing()


def run_trial(
    account: Account, directory: str, levels: Sequence[int], after: str, report: Reporter, passing: Passing = HERE
) -> Result:
    """Test levels of a recipe on this host and write the results beside it; the last one takes two hosts.

    `after` is "pause" to leave the first instance for a reboot, "resume" to check it after one, "keep" to leave it
    as it is until the next test, also when it does not work, or "" to remove it.
    """
    directory = files.real_path(directory)
    name = directory.rsplit("/", 1)[-1]
    bundle, catalog = read_recipe(directory, name), catalog_of(account.paths, {name: directory})
    pending = f"{account.paths.trials}/{name}.json"
    with Mailbox() as mailbox:
        scene = Scene(bundle, catalog, report, account, mailbox, keeps=after == "keep")
        if after == "resume":
            return _resume(scene, directory, pending)
        if passing.take_over:
            scene.place = files.real_path(passing.take_over)
            return _begin(scene, directory, pending, lambda: _taken_over(scene, directory, pending))
        place = passing.hand_over and files.real_path(passing.hand_over)
        return _begin(scene, directory, pending, lambda: _tried(scene, directory, levels, after, pending, place))


def _begin(scene: Scene, directory: str, pending: str, work: Callable[[], Result]) -> Result:
    # Other commands that read the instances meanwhile must find their recipe.
    files.write_atomic(pending, json.dumps({"format": 1, "directory": directory}).encode())
    try:
        return work()
    except BaseException:
        _clear(scene)
        files.remove(pending)
        raise


def _taken_over(scene: Scene, directory: str, pending: str) -> Result:
    """Try the last level with what another host has left, and add it to the record of the others."""
    _clear(scene)
    known = Tested.model_validate_json(files.read_text(f"{directory}/{RECORD}") or "{}")
    if known.digest != scene.bundle.digest:
        raise invalid(Diagnostic("record", "it is of another version of the recipe", f"{directory}/{RECORD}"))
    last = max(LEVELS)
    scene.report.note(f"level {last}: {MEANINGS[last]}")
    outcome = _outcome_of(partial(LEVELS[last], scene))
    tested = known.model_copy(update={"levels": {**known.levels, last: outcome}})
    _write(directory, tested)
    _clear(scene)
    files.remove(pending)
    return _result(tested, tuple(tested.levels))


def _tried(scene: Scene, directory: str, levels: Sequence[int], after: str, pending: str, place: str = "") -> Result:
    results: dict[int, LevelResult] = {}
    _clear(scene)
    # All later levels use what the second one installed.
    wanted = sorted({*levels, *((2,) if max(levels) > 2 else ())})
    for number in wanted:
        scene.report.note(f"level {number}: {MEANINGS[number]}")
        results[number] = _outcome_of(partial(LEVELS[number], scene))
        if not results[number].passed:
            break
    if place and all(found.passed for found in results.values()):
        scene.report.note(f"level {max(LEVELS)}: a backup is left in {place}")
        hand_over(scene, place)
    tested = _tested(scene, results)
    if after == "pause" and results.get(3, _MISSED).passed:
        known = {"format": 1, "directory": directory, "marker": scene.marker, "tested": tested.model_dump(mode="json")}
        files.write_atomic(pending, json.dumps(known).encode())
        line = f"level 3 waits for a reboot; after it: chainsaw recipe test {directory} --resume"
        return _result(tested, wanted, (line,), waits=True)
    tested = _without_reboot(tested)
    _write(directory, tested)
    if after == "keep":
        return _result(tested, wanted, tuple(_kept_lines(scene)))
    _clear(scene)
    files.remove(pending)
    return _result(tested, wanted, _needed(tested, directory))


def _kept_lines(scene: Scene) -> Iterator[str]:
    """Say where each instance is that stays, and how to look into it."""
    present = scene.account.current().instances
    for name in (scene.first, scene.second):
        if name in present:
            yield f"{name} stays until the next test, at {present[name].url}"
            yield f"  to look into it: chainsaw status {name}; chainsaw logs {name}"


def _needed(tested: Tested, directory: str) -> tuple[str, ...]:
    """Say what is to be done for what was not tried."""
    third, found = tested.levels.get(3), []
    if third is not None and not third.tried:
        steps = f"chainsaw recipe test {directory} --pause; sudo reboot; chainsaw recipe test {directory} --resume"
        found.append(f"level 3 needs a reboot: {steps}")
    if tested.level == max(MEANINGS) - 1:
        found.append(f"level {max(LEVELS)} needs another host: here chainsaw recipe test {directory} --hand-over PLACE")
        found.append(f"  and there, with {directory} and PLACE: chainsaw recipe test {directory} --take-over PLACE")
    return tuple(found)


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
    files.remove_tree(scene.account.paths.installed(f"{TRIED}/{scene.name}", scene.bundle.digest))
    # An instance that was rolled back, or moved, leaves the certificate of a host that it no longer has.
    used = scene.account.current().hosts
    for host in {scene.host(name) for name in (scene.first, scene.second, scene.moved)} - used:
        discard_certificate(scene.account.paths, host)


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
    return _result(tested, tuple(tested.levels))


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
    """Mark level 3 as not tried: without a reboot it is only half tested."""
    third = tested.levels.get(3)
    if third is None or not third.passed:
        return tested
    level = third.model_copy(update={"passed": False})
    return tested.model_copy(update={"levels": {**tested.levels, 3: level}})


def _write(directory: str, tested: Tested) -> None:
    content = json.dumps(tested.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    files.write_atomic(f"{directory}/{RECORD}", content.encode())


def _result(tested: Tested, wanted: Sequence[int], last: Sequence[str] = (), waits: bool = False) -> Result:
    """Return what a test has found, with the level reached unless it `waits` for a reboot, and what comes last."""
    lines = []
    problems = []
    for number in sorted({*wanted, *tested.levels}):
        found = tested.levels.get(number, _MISSED)
        mark = "ok" if found.passed else "FAILED" if found.tried else "not tried"
        took = f"{found.seconds:6.1f} s" if number in tested.levels else ""
        lines.append(f"{number}  {mark:9}  {took:8}  {MEANINGS[number]}")
        problems += [Diagnostic("level", problem, key=f"level {number}") for problem in found.problems]
    shown = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in tested.measured.items())
    lines += [f"measured: {shown}"] if shown else []
    lines += [] if waits else [f"{tested.recipe} {tested.version} reaches level {tested.level}"]
    level = min(tested.level, 2) if waits else tested.level
    data: dict[str, Any] = {"tested": tested.model_dump(mode="json"), "level": level}
    return Result(data, (*lines, *last), tuple(problems), Exit.FAILED if problems else Exit.OK)
