"""What must hold of a disk whatever moment the power failed at."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chainsaw.errors import ChainsawError
from chainsaw.host.store import generations, records
from chainsaw.model.paths import Paths

EXPORTED = 500
SIZE = 20000
SECRET = re.compile(rb"[A-Za-z0-9]{20,}")
PASSED_OVER = ("/volumes/", "/containers/", "/.git/", "/sockets/")


@dataclass(frozen=True)
class Remains:
    """What chainsaw has on a mounted disk."""

    home: Path

    @property
    def paths(self) -> Paths:
        """Where everything is."""
        return Paths.of(str(self.home), {})

    def text(self, path: str) -> str | None:
        """Return a file of the admin's, or None."""
        place = self.home / path
        return place.read_text() if place.is_file() else None

    def events(self) -> list[str]:
        """Return the events of chainsaw's journal."""
        lines = (self.text(".local/state/chainsaw/journal") or "").splitlines()
        return [json.loads(line)["event"] for line in lines]

    def git(self, *words: str) -> str:
        """Return what git prints; raise CalledProcessError when it fails."""
        tree = self.home / ".config/chainsaw"
        argv = ["git", "-c", "safe.directory=*", "-C", str(tree), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def commits(self) -> list[str]:
        """Return the commits of the admin's files, newest first."""
        return self.git("log", "--format=%H").split()

    def damages(self) -> list[str]:
        """Return everything that is not whole."""
        return [*self._torn(), *self._generations(), *self._exports(), *self._secrets(), *self._history()]

    def _torn(self) -> Iterator[str]:
        own = [self.home / path for path in (".config/chainsaw", ".local/share/chainsaw", ".local/state/chainsaw")]
        for path in (path for place in own for path in place.rglob("*")):
            shown = f"/{path.relative_to(self.home)}"
            # The kernel holds a lock; what is in its file is only shown to whoever waits for it.
            if path.is_symlink() or not path.is_file() or path.parent.name == "locks":
                continue
            if ".partial" in shown or any(part in shown for part in PASSED_OVER):
                continue
            content = path.read_bytes()
            if not content or b"\0" in content:
                yield f"{shown} is empty or has holes"
            elif path.suffix == ".json":
                try:
                    json.loads(content)
                except ValueError as error:
                    yield f"{shown}: {error}"
        try:
            records.read_blocks(self.paths)
            records.read_applied(self.paths)
            self.events()
        except (ChainsawError, ValueError) as error:
            yield f"a record cannot be read: {error}"

    def _generations(self) -> Iterator[str]:
        current = generations.current_number(self.paths)
        if current not in generations.numbers(self.paths):
            yield f"the current generation {current} is not there"
        for number in generations.numbers(self.paths):
            try:
                manifest = generations.read_manifest(self.paths, number)
            except ChainsawError as error:
                yield f"generation {number}: {error}"
                continue
            yield from (
                f"generation {number}: {item.path} differs" for item in generations.find_drift(self.paths, manifest)
            )

    def _exports(self) -> Iterator[str]:
        for place in Path(self.paths.static).glob("*"):
            if place.name.endswith(".partial"):
                continue
            files = list(place.glob("*.txt"))
            if len(files) != EXPORTED:
                yield f"{place.name} has {len(files)} files"
            for file in files:
                line = f"number {file.stem}\n".encode()
                if file.read_bytes() != (line * SIZE)[:SIZE]:
                    yield f"{place.name}/{file.name} is not whole"

    def _secrets(self) -> Iterator[str]:
        for path in Path(self.paths.root).glob("instances/*/secrets/*"):
            if not path.name.endswith(".partial") and not SECRET.fullmatch(path.read_bytes()):
                yield f"{path} is no secret"

    def _history(self) -> Iterator[str]:
        try:
            if said := self.git("fsck", "--no-dangling", "--no-progress"):
                yield f"git fsck: {said}"
            self.git("status", "--porcelain")
        except subprocess.CalledProcessError as error:
            yield f"git: {error.stderr}"
