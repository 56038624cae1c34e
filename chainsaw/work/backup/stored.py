"""A backup that is somewhere; and those that are in a directory, each a file with its index beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.bundle.sealed import File, Source, size_of
from chainsaw.model.backup import ENDINGS, INDEX, Index


@dataclass(frozen=True)
class Stored:
    """A backup that is in a place: its index, its path, what is wrong with it, and whether it can be read all the same.

    The path is that of its file; of one in a repository, PLACE#ID, which `source` reads.
    """

    index: Index
    path: str
    problem: str = ""
    is_there: bool = True
    source: Source | None = None

    @property
    def id(self) -> str:
        """Its name."""
        return self.index.backup.id

    @property
    def place(self) -> str:
        """The directory or the repository that it is in."""
        return self.path.rpartition("#" if self.source else "/")[0]

    @property
    def is_sealed(self) -> bool:
        """Whether nobody can read it without the secret part of a key."""
        return bool(self.index.recipients)

    def opened_with(self, identity: str) -> Source:
        """Return how it is read, with the file of a key, which may be needed."""
        return self.source or File(self.path, identity)


def stored_in(place: str) -> Iterator[Stored | Diagnostic]:
    """Yield the backups in a directory, and what in it cannot be read."""
    names = set(files.list_directory(place))
    for name in sorted(names):
        if not name.endswith(INDEX) or name.startswith("."):
            continue
        path = f"{place}/{name}"
        index = read_index(path)
        if isinstance(index, Diagnostic):
            yield index
        elif index:
            yield on_disk(f"{place}/{index.file}", index)


def on_disk(path: str, index: Index) -> Stored:
    """Return a backup that is a file."""
    problem = problem_of(path, index)
    return Stored(index, path, problem, not problem)


def read_index(path: str) -> Index | Diagnostic | None:
    """Return an index, None for a file that is none of ours, or what is wrong with one."""
    try:
        text = files.read_text(path) or ""
        if '"backup"' not in text:
            return None
        index = Index.model_validate_json(text)
    except (ChainsawError, ValidationError) as error:
        why = str(error).splitlines()[0]
        hint = "the backup beside it does not need it: chainsaw show FILE"
        return Diagnostic("index", f"this index cannot be read: {why}", path, hint=hint, severity="warning")
    id_of_it = index.backup.id
    if path.rpartition("/")[2] != f"{id_of_it}{INDEX}" or index.file not in [f"{id_of_it}{end}" for end in ENDINGS]:
        return Diagnostic("index", f"it is not the index of a bundle: {index.file!r}", path, severity="warning")
    return index


def problem_of(path: str, index: Index) -> str:
    """Return what is wrong with the file of an index, if anything is."""
    size = size_of(path)
    if size is None:
        return "the file is missing"
    return "" if size == index.bytes else f"the file has {size} bytes, and not {index.bytes}"


def index_beside(path: str) -> Index | None:
    """Return the index that lies beside a file, if there is one that can be read."""
    stem = next((path.removesuffix(ending) for ending in reversed(ENDINGS) if path.endswith(ending)), path)
    index = read_index(f"{stem}{INDEX}")
    return index if isinstance(index, Index) else None
