"""The data of a backup beside that of an instance: unpacked and checked, put in its place, and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import disk, files
from chainsaw.host.account import Account
from chainsaw.host.bundle.taking import feed, unpack
from chainsaw.host.podman.placement import Placement
from chainsaw.model.backup import DUMPS, VOLUMES, Ending
from chainsaw.model.block import intermediate
from chainsaw.model.deployment import Deployment
from chainsaw.model.paths import Paths
from chainsaw.work.backup.hold import in_use
from chainsaw.work.backup.write import PATIENCE
from chainsaw.work.restore.read import Kept
from chainsaw.work.result import Reporter


@dataclass(frozen=True)
class Stage:
    """Where data is unpacked, and where that goes which it replaces: on the disk of the instance."""

    account: Account
    deployment: Deployment

    @property
    def place(self) -> str:
        """The directory with what is unpacked; one that was left behind is no use to anybody."""
        return place_of(self.account.paths, self.deployment.name)

    @property
    def former(self) -> str:
        """The directory with the data before the restore, until it is known that the restored one works."""
        return former_of(self.account.paths, self.deployment.name)

    def unpack(self, kept: Kept, report: Reporter, only: tuple[str, ...] = (DUMPS, VOLUMES)) -> Ending:
        """Unpack volumes and dumps, each compared with what the backup lists; nothing that is in use is touched."""
        podman, block, steps = self.account.podman, self.deployment.block, self.account.steps
        with steps.step(f"make {self.place}"):
            podman.remove_trees([self.place])
            files.make_directory(self.place, 0o700)
        first = 0 if block is None else intermediate(podman.uids, block)
        room = max(disk.free_bytes(self.place) - disk.spare_bytes(self.place), 0)
        report.doing("unpacking the backup, and comparing it with what it lists")
        with steps.step(f"unpack {kept.backup.id}"):
            known = unpack(kept.source, self.place, first, room, only, podman.enter(), PATIENCE)
        try:
            return Ending.model_validate({key: value for key, value in known.items() if key != "format"})
        except (ValueError, ValidationError) as error:
            why = str(error).splitlines()[0]
            raise ChainsawError(Diagnostic("bundle", f"its end is not a backup's: {why}", kept.path)) from error

    def _swapped(self, kept: Kept) -> Iterator[tuple[str, str, str]]:
        """Yield each volume of a backup: where it is unpacked, where it belongs, and where the former one goes."""
        for volume in self.deployment.volumes:
            if volume.name in kept.backup.volumes:
                yield f"{self.place}/{VOLUMES}/{volume.name}", volume.path, f"{self.former}/{volume.name}"

    def check(self, kept: Kept, ending: Ending) -> None:
        """Raise ChainsawError when a backup has a volume, or a dump, that the instance has not: it would be lost."""
        if ending.id != kept.backup.id:
            raise ChainsawError(Diagnostic("bundle", "its end is that of another backup", kept.path))
        reading = {service.component for service in self.deployment.services if service.restore}
        if lost := sorted(kept.backup.dumps.keys() - reading):
            message = f"the instance has no {lost[0]} that would read what was dumped"
            raise ChainsawError(Diagnostic("bundle", message, kept.path))
        strange = sorted(kept.backup.volumes.keys() - {volume.name for volume in self.deployment.volumes})
        if strange:
            message = f"the instance has no volume {strange[0]}, and the backup has one"
            raise ChainsawError(Diagnostic("bundle", message, kept.path))

    def swap(self, kept: Kept) -> None:
        """Put the unpacked volumes where they belong, and the secrets; what was there is kept for now."""
        self.swap_volumes(kept)
        self._swap_secrets(kept)

    def swap_volumes(self, kept: Kept, only: str = "") -> None:
        """Put the unpacked volumes, or one of them, where they belong; what was there is kept for now."""
        podman, steps = self.account.podman, self.account.steps
        with steps.step(f"make {self.former}"):
            podman.remove_trees([self.former])
            files.make_directory(self.former, 0o700)
        for unpacked, place, former in self._swapped(kept):
            if only and unpacked.rpartition("/")[2] != only:
                continue
            with steps.step(f"put {place} aside"):
                if files.exists(place):
                    podman.move(place, former)
            with steps.step(f"put the restored {place} in place"):
                podman.move(unpacked, place)

    def _swap_secrets(self, kept: Kept) -> None:
        podman, steps = self.account.podman, self.account.steps
        places = {item.key: item for item in self.deployment.secrets}
        chosen = [
            Placement(places[key].path, 0o400, places[key].ids, value)
            for key, value in kept.secrets.items()
            if key in places
        ]
        with steps.step("put the secrets in place"):
            for key in kept.secrets:
                if key in places and files.exists(places[key].path):
                    podman.move(places[key].path, f"{self.former}/{key}.secret")
            podman.place(chosen)

    def load(self, kept: Kept, report: Reporter) -> None:
        """Let each database read what it has dumped; it runs for that alone."""
        enter = self.account.podman.enter()
        for service in self.deployment.services:
            if service.component not in kept.backup.dumps:
                continue
            place = f"{self.place}/{DUMPS}/{service.component}"
            report.doing(f"loading the data of {service.component}")
            words = self.account.podman.exec_words(service.container, service.restore)
            with (
                self.account.steps.step(f"load the data of {service.component}"),
                in_use(self.account, self.deployment, service),
            ):
                feed(place, words, enter)

    def put_back(self) -> None:
        """Put what was there before in its place again, whatever the restore has done until now."""
        podman, steps = self.account.podman, self.account.steps
        aside = {item.path: f"{self.former}/{item.name}" for item in self.deployment.volumes}
        aside |= {item.path: f"{self.former}/{item.key}.secret" for item in self.deployment.secrets}
        for place, former in aside.items():
            if files.exists(former):
                with steps.step(f"put {place} back"):
                    podman.remove_trees([place])
                    podman.move(former, place)
        self.clear()

    def clear(self) -> None:
        """Delete what is unpacked, and what was there before."""
        with self.account.steps.step(f"clear {self.place}"), suppress(FileNotFoundError):
            self.account.podman.remove_trees([self.place, self.former])


def place_of(paths: Paths, name: str) -> str:
    """Return the directory in which a backup is unpacked for an instance."""
    return f"{paths.instance(name)}/restored{files.PARTIAL}"


def former_of(paths: Paths, name: str) -> str:
    """Return the directory with the data of an instance before a restore."""
    return f"{paths.instance(name)}/former"
