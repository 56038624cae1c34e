"""restore of a part: the configuration alone, one volume, or one file that somebody has deleted."""

from __future__ import annotations

from fnmatch import fnmatchcase

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid
from chainsaw.host.account import Account
from chainsaw.host.bundle import taking
from chainsaw.model.backup import VOLUMES
from chainsaw.model.deployment import Deployment
from chainsaw.model.names import check_file_path
from chainsaw.work.backup.find import source_of
from chainsaw.work.backup.make import Wanted, back_up_one
from chainsaw.work.config.names import applied_instance, declared_text
from chainsaw.work.interrupted import while_stopped
from chainsaw.work.locks import holding
from chainsaw.work.restore.read import Kept, read
from chainsaw.work.restore.recover import COMMAND, end, go_back, undo
from chainsaw.work.restore.restore import Choice, reconfigure
from chainsaw.work.restore.stage import Stage
from chainsaw.work.restore.unfinished import mark
from chainsaw.work.result import Reporter, Result


def restore_config(account: Account, word: str, choice: Choice, report: Reporter) -> Result:
    """Give an instance the file, and the recipe, that it had; its data stays. Raise ChainsawError if that fails."""
    kept = read(source_of(account, word, choice.identity))
    name = choice.name or kept.backup.instance
    with holding(account, (name,), f"{COMMAND} {word}", report, wait=choice.wait):
        declared_text(account.paths, name)
        notes = reconfigure(account, kept, name, choice.route, report)
    line = f"{name} is configured as it was in {kept.backup.id}; its data is not changed"
    return Result({"instance": name, "backup": kept.backup.id}, (line, *(f"  {note}" for note in notes)))


def restore_volume(account: Account, word: str, volume: str, choice: Choice, report: Reporter) -> Result:
    """Bring one volume of an instance back, which is stopped for a moment; raise ChainsawError if that fails."""
    kept = read(source_of(account, word, choice.identity))
    name = choice.name or kept.backup.instance
    with holding(account, (name,), f"{COMMAND} {word} --volume {volume}", report, wait=choice.wait):
        undo(account, name, report)
        deployment = applied_instance(account.paths, account.current(), name)
        _check_volume(kept, deployment, volume)
        stage = Stage(account, deployment)
        try:
            stage.unpack(kept, report, (f"{VOLUMES}/{volume}",))
            if choice.backs_up:
                back_up_one(account, name, Wanted(shrinks=True, before="restore"), report)
            mark(account, name, kept.backup.id, declared_text(account.paths, name))
            down = while_stopped(account, deployment, lambda: stage.swap_volumes(kept, volume), report)
            if down:
                hint = f"chainsaw logs {name}"
                raise ChainsawError(Diagnostic("not-started", f"{down[0]} does not start with it", hint=hint))
        except BaseException:
            go_back(account, name, report)
            stage.clear()
            raise
        end(account, name, stage)
    line = f"the volume {volume} of {name} is as it was in {kept.backup.id}"
    return Result({"instance": name, "backup": kept.backup.id, "volume": volume}, (line,))


def _check_volume(kept: Kept, deployment: Deployment, volume: str) -> None:
    """Raise ChainsawError unless the backup has the files of a volume, and the instance has it, too."""
    known = sorted(kept.backup.volumes.keys() & {item.name for item in deployment.volumes})
    if volume not in known:
        hint = f"volumes: {', '.join(known) or 'none'}"
        raise ChainsawError(Diagnostic("no-volume", f"no volume {volume!r}", kept.path, hint=hint), Exit.MISSING)
    dumped = next((item for item in deployment.volumes if item.name == volume), None)
    if dumped and dumped.components in [(component,) for component in kept.backup.dumps]:
        message = f"the data in {volume} is kept as a dump of {dumped.components[0]}, which belongs to all the rest"
        hint = f"chainsaw restore {kept.backup.id} brings all back, or with --as NAME beside it"
        raise invalid(Diagnostic("dumped-volume", message, kept.path, hint=hint))


def restore_file(account: Account, word: str, path: str, choice: Choice, report: Reporter) -> Result:
    """Bring one file back, VOLUME/PATH, while the application works on; raise ChainsawError if something is there."""
    volume, _, below = path.strip("/").partition("/")
    try:
        check_file_path(below)
    except ValueError as error:
        message = f"not the path of a file in a volume: {error}"
        hint = "such as uploads/2026/picture.jpg: the volume, and the path in it"
        raise invalid(Diagnostic("file-path", message, key=path, hint=hint)) from None
    kept = read(source_of(account, word, choice.identity))
    name = choice.name or kept.backup.instance
    if any(fnmatchcase(below, pattern) for pattern in kept.backup.sqlite.get(volume, ())):
        message = f"{below} is a database, which the application has open"
        hint = f"chainsaw restore {kept.backup.id} --volume {volume}"
        raise invalid(Diagnostic("file-path", message, key=path, hint=hint))
    with holding(account, (name,), f"{COMMAND} {word} --file {path}", report, wait=choice.wait):
        deployment = applied_instance(account.paths, account.current(), name)
        _check_volume(kept, deployment, volume)
        stage = Stage(account, deployment)
        target = next(item.path for item in deployment.volumes if item.name == volume)
        try:
            stage.unpack(kept, report, (f"{VOLUMES}/{volume}/{below}",))
            with account.steps.step(f"put {path} in place"):
                taking.place(f"{stage.place}/{VOLUMES}/{volume}", target, below, account.podman.enter())
        finally:
            stage.clear()
    line = f"{path} of {name} is as it was in {kept.backup.id}"
    return Result({"instance": name, "backup": kept.backup.id, "file": path}, (line,))
