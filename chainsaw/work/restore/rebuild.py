"""What a backup of a site holds, on an empty host: unpacked and checked, and put where it belongs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from chainsaw.compile.blocks import allocate
from chainsaw.errors import Diagnostic, invalid
from chainsaw.host import disk, files, filled
from chainsaw.host.account import Account
from chainsaw.host.bundle.sealed import File
from chainsaw.host.bundle.taking import unpack
from chainsaw.host.podman.placement import Placement
from chainsaw.host.store import records
from chainsaw.load.site import load_site
from chainsaw.model.backup import FIRST, FORMAT, SiteBackup
from chainsaw.model.block import Block
from chainsaw.model.site import Site
from chainsaw.model.volume import Ids
from chainsaw.plan.site_resources import FRONT_DATA, OWN, SITE, owned_by, site_resources
from chainsaw.work.backup.write import PATIENCE
from chainsaw.work.restore.read import MOST

Step = Literal["unpacked", "aside", "placed"]
"""How far it is: all is unpacked and checked; what was here before is put aside; all is where it belongs."""
ASIDE = ".former"
"""The suffix of what was here before."""


def read_site_backup(path: str, identity: str) -> SiteBackup:
    """Return what a backup of a site says at its beginning; raise ChainsawError for another file, or a newer one."""
    content = File(path, identity).leading((), MOST)[FIRST]
    known: Any = None
    try:
        known = json.loads(content)
        return SiteBackup.model_validate(known)
    except (ValueError, ValidationError) as error:
        kind = known.get("kind") if isinstance(known, dict) else None
        if kind != SITE:
            message = "it is the backup of an instance, and not of a site"
            raise invalid(Diagnostic("site-backup", message, path, hint=f"chainsaw restore {path}")) from error
        why = str(error).splitlines()[0]
        raise invalid(Diagnostic("bundle", f"its first member is not a backup's: {why}", path)) from error


@dataclass(frozen=True)
class Rebuild:
    """A host that becomes what a backup says: what is unpacked stays until all is back."""

    account: Account
    path: str
    identity: str
    backup: SiteBackup

    @property
    def place(self) -> str:
        """The directory with what is unpacked."""
        return self.account.paths.rebuilding

    @property
    def _mark(self) -> str:
        return f"{self.place}/rebuilding.json"

    def step(self) -> Step | None:
        """Return how far an earlier command has come; raise ChainsawError when that was with another backup."""
        text = files.read_text(self._mark)
        if text is None:
            return None
        known = json.loads(text)
        if known["id"] != self.backup.id:
            message = f"this host is being rebuilt from {known['id']}, and that has not ended"
            hint = f"chainsaw restore --site {known['path']}, which goes on where it was"
            raise invalid(Diagnostic("rebuilding", message, self.path, hint=hint))
        found: Step = known["step"]
        return found

    def _record(self, step: Step, place: str = "") -> None:
        text = json.dumps({"format": FORMAT, "id": self.backup.id, "path": self.path, "step": step}) + "\n"
        with self.account.steps.step(f"record that the site is {step}"):
            files.write_atomic(f"{place or self.place}/rebuilding.json", text.encode(), 0o600)

    def unpack(self) -> None:
        """Unpack all, each member compared with what the backup lists; nothing else on this host is touched."""
        podman, steps, partial = self.account.podman, self.account.steps, f"{self.place}{files.PARTIAL}"
        former = f"{self.account.paths.own_files}{ASIDE}"
        if files.exists(former):
            message = "these files were here before this host was rebuilt the last time, and nothing would keep them"
            raise invalid(Diagnostic("former", message, former, hint=f"mv {former} {former}.1"))
        with steps.step("make the state directory"):
            records.prepare(self.account.paths)
        with steps.step(f"make {partial}"):
            podman.remove_trees([partial])
            files.make_directory(partial, 0o700)
        room = max(disk.free_bytes(partial) - disk.spare_bytes(partial), 0)
        with steps.step(f"unpack {self.backup.id}"):
            unpack(File(self.path, self.identity), partial, 0, room, (SITE,), podman.enter(), PATIENCE)
        self._record("unpacked", partial)
        with steps.step(f"rename it to {self.place}"):
            files.publish((partial, self.place))

    def site(self) -> Site:
        """Return the settings of the site; raise ChainsawError with the problems of its file."""
        return load_site("site.yaml", files.read_text(f"{self.place}/{OWN}/site.yaml"))

    def text_of(self, name: str) -> str:
        """Return the file of an instance as the site has it; nothing where it has none."""
        return files.read_text(f"{self.place}/{OWN}/instances/{name}.yaml") or ""

    def put_in_place(self, step: Step) -> None:
        """Put all where it belongs but for the instances' files; what was here before is kept aside."""
        targets = [item.path for item in site_resources(self.account.paths)]
        if step == "unpacked":
            for target in targets:
                if files.exists(target) and not files.exists(f"{target}{ASIDE}"):
                    with self.account.steps.step(f"put {target} aside"):
                        files.rename(target, f"{target}{ASIDE}")
            self._record("aside")
        if step != "placed":
            # What an interrupted command has copied may not be on the disk as a whole.
            self.account.podman.remove_trees([target for target in targets if files.exists(target)])
            self._fill("")
            self._record("placed")
        self.put_back()

    def put_back(self) -> None:
        """Put in place what is missing of the front's: giving up an instance deletes its certificate."""
        self._fill(FRONT_DATA)
        self._place_owned()

    def _fill(self, kept_as: str) -> None:
        paths, steps = self.account.paths, self.account.steps
        left = {f"{self.place}/{OWN}/instances", *(f"{self.place}/{path}" for path in self._owned())}
        for item in site_resources(paths):
            source = f"{self.place}/{item.kept_as}"
            if files.exists(source) and kept_as in ("", item.kept_as):
                with steps.step(f"put {item.path} in place"):
                    filled.fill(source, item.path, frozenset(left))
                    filled.sync(paths.root if item.path.startswith(paths.root) else paths.own_files)

    def _owned(self) -> list[str]:
        """Return what is unpacked and belongs to a part of chainsaw itself."""
        found = filled.below(f"{self.place}/{SITE}")
        return [path for name in found if owned_by(path := f"{SITE}/{name}")]

    def _place_owned(self) -> None:
        """Give those parts a block, and their files to it."""
        paths, placed = self.account.paths, list[Placement]()
        blocks = self._blocks({item.part for path in self._owned() if (item := owned_by(path))})
        targets = {item.kept_as: item.path for item in site_resources(paths)}
        for path in self._owned():
            item, names = owned_by(path), path.split("/", 2)
            target = f"{targets['/'.join(names[:2])]}/{names[2]}"
            if item is None or files.exists(target):
                continue
            files.make_directory(target.rpartition("/")[0], 0o711)
            ids = Ids(uid=blocks[item.part].host_id(item.user), gid=blocks[item.part].host_id(item.user))
            placed.append(Placement(target, item.mode, ids, filled.content(f"{self.place}/{path}")))
        if placed:
            with self.account.steps.step("place certificates and keys"):
                self.account.podman.place(placed)

    def _blocks(self, parts: set[str]) -> dict[str, Block]:
        account, recorded = self.account, records.read_blocks(self.account.paths)
        blocks = allocate(sorted(parts), recorded, account.ranges.uids, account.ranges.gids, account.name)
        for part, block in blocks.items():
            if part not in recorded:
                with account.steps.step(f"record the block of {part}"):
                    records.write_block(account.paths, part, block.start)
        return blocks

    def end(self) -> tuple[str, ...]:
        """Put the other instances' files in place, forget what is unpacked; return where the admin's former files are.

        Whatever else was here before is deleted: of an empty host, that is what setting it up has left.
        """
        paths, steps = self.account.paths, self.account.steps
        with steps.step("put the other instances' files in place"):
            source = f"{self.place}/{OWN}/instances"
            if files.exists(source):
                filled.fill(source, paths.instance_files)
        former = [f"{item.path}{ASIDE}" for item in site_resources(paths)]
        own = f"{paths.own_files}{ASIDE}"
        doomed = [place for place in former if files.exists(place) and place != own]
        with steps.step(f"clear {self.place}"):
            self.account.podman.remove_trees([self.place, *doomed])
        return (own,) if files.exists(own) else ()
