"""Where the backups of a lost host's instances are: in the places that its own backup names, or in others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chainsaw.errors import Diagnostic
from chainsaw.host import files
from chainsaw.host.bundle import sealed
from chainsaw.model.backup import KeptCopy, SiteBackup
from chainsaw.work.backup.access import is_repository
from chainsaw.work.backup.stored import Stored, stored_in

Look = Callable[[str], Iterable[Stored | Diagnostic]]
"""Returns the backups in a repository, and what of it cannot be read."""


@dataclass(frozen=True)
class Sought:
    """An instance of a lost host: what was known of its backups, and those that are found here, newest first."""

    name: str
    known: tuple[KeptCopy, ...]
    found: tuple[Stored, ...]

    def missing(self, here: Sequence[str]) -> Diagnostic:
        """Return that none is found, what is missing, and what brings it."""
        if not self.known:
            message = "no backup of it was known when the site was backed up, and none is found"
            hint = "if there is one: repeat the command with --from DIRECTORY"
            return Diagnostic("no-backup", message, key=self.name, hint=hint)
        newest = max(self.known, key=lambda item: item.at)
        if is_repository(newest.to) and newest.to not in here:
            message = f"its newest backup, {newest.id}, is in {newest.to}, which is read with a password of the site"
            hint = "it is looked for there when the site's own files are back, without --dry-run"
            return Diagnostic("no-backup", message, key=self.name, hint=hint, severity="warning")
        message = f"its newest backup, {newest.id}, is missing: it was in {newest.to}, and {_listed(here)} has none"
        hint = f"mount or copy {newest.to}, then repeat the command; if it is elsewhere now: --from DIRECTORY"
        return Diagnostic("no-backup", message, key=self.name, hint=hint)


def _listed(places: Sequence[str]) -> str:
    return " and ".join(places) if places else "no directory that is there"


@dataclass(frozen=True)
class Search:
    """What was found, where, and what cannot be read there."""

    sought: Mapping[str, Sought]
    places: tuple[str, ...]
    problems: tuple[Diagnostic, ...]


def search(backup: SiteBackup, file: str, places: Sequence[str], saved: Look | None = None) -> Search:
    """Look for the backups of all instances: in given places, where they were, and beside the backup of the site.

    Those `saved` in repositories are only found with a password, which is in the backup of the site.
    """
    stored: dict[str, Stored] = {}
    problems: list[Diagnostic] = []
    every = _places(backup, file, places)
    here = [place for place in every if (saved if is_repository(place) else files.is_directory(place))]
    for place in here:
        for item in saved(place) if saved and is_repository(place) else stored_in(place):
            if isinstance(item, Diagnostic):
                problems.append(item)
            elif item.index.backup.site != backup.site or item.index.backup.before == "restore":
                continue
            elif item.problem:
                problems.append(Diagnostic("backup", item.problem, item.path, severity="warning"))
            else:
                stored.setdefault(item.id, item)
    newest = sorted(stored.values(), key=lambda item: (item.index.backup.at, item.id), reverse=True)
    sought = {
        name: Sought(name, known.backups, tuple(item for item in newest if item.index.backup.instance == name))
        for name, known in backup.instances.items()
    }
    return Search(sought, tuple(here), tuple(problems))


def _places(backup: SiteBackup, file: str, given: Sequence[str]) -> list[str]:
    """Return where to look; of a directory of backups, there may be one below it for each instance."""
    beside = file.rpartition("/")[0]
    tops = [*(files.absolute_path(place) for place in given if not is_repository(place)), beside]
    above = [*tops, beside.rpartition("/")[0]]
    found = [place for top in above for place in (top, *(f"{top}/{name}" for name in backup.instances))]
    found += [*filter(is_repository, given)]
    found += [item.to for known in backup.instances.values() for item in known.backups]
    return [place for place in dict.fromkeys(found) if place]


def whole(sought: Sought) -> Iterator[Stored | Diagnostic]:
    """Yield the backups of an instance that may be taken, newest first, and why others may not.

    The backup of the site is encrypted and knows the SHA-256 of those before it; of later ones, it knows nothing.
    """
    known = {item.id: item.sha256 for item in sought.known if item.sha256}
    for item in sought.found:
        if item.id in known and not item.source and sealed.digest_of(item.path).sha256 != known[item.id]:
            message = "it is not the file that the backup of the site knows"
            yield Diagnostic("backup", message, item.path, key=sought.name, severity="warning")
        else:
            yield item
