"""What a backup says of itself: at its beginning, at its end, and in the index beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chainsaw.model.base import Recorded
from chainsaw.model.names import InstanceName, Word

FORMAT: Literal[1] = 1
"""The format of a backup; one that is newer is refused."""
FIRST, META = "backup.json", "meta"
SITE, HISTORY, RECIPE = f"{META}/site.json", f"{META}/history.json", f"{META}/recipe"
INSTANCE, NOTES = f"{META}/instance.yaml", f"{META}/notes.md"
SECRETS, DUMPS, VOLUMES = "secrets", "dumps", "volumes"
"""Where a backup keeps what belongs to an instance."""
ENDINGS = (".tar.zst", ".tar.zst.age")
INDEX = ".json"
"""How the names of files end: of a bundle, plain and encrypted, and of the index beside it."""

Way = Literal["running", "quiesced", "stopped", "resting"]
"""How files were read: while it worked, with its writes held, stopped for that, or while nothing of it ran anyway."""


Id = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,80}-[0-9]{8}T[0-9]{6}Z-[a-z0-9]{4}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Before = Literal["", "restore", "purge"]
"""What was about to change the data when a command has made a backup by itself."""


class KeptRecipe(Recorded):
    """The recipe of an instance, which comes along with its files."""

    name: str
    origin: Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")]
    version: str
    digest: Digest
    title: str


class KeptVolume(Recorded):
    """A volume: whether the front serves it, and whether it belongs to the admin and not to the application."""

    public: bool
    admin: bool


class KeptDump(Recorded):
    """What a component has dumped: with which engine, and the command that reads it again."""

    engine: str
    restore: tuple[str, ...]


class Backup(Recorded):
    """The first member of a backup: of what it is, and what it is going to hold. `at` is in seconds since 1970.

    `shared` are those of its secrets that are the site's, each with the site's name for it. One that a command has made
    `before` it changed the data is no backup that anybody planned.
    """

    format: Literal[1] = FORMAT
    id: Id
    site: str
    instance: InstanceName
    at: int
    chainsaw: str
    before: Before = ""
    url: str
    recipe: KeptRecipe
    images: tuple[str, ...] = ()
    secrets: tuple[Word, ...] = ()
    shared: dict[Word, Word] = Field({})
    volumes: dict[Word, KeptVolume] = Field({})
    dumps: dict[Word, KeptDump] = Field({})
    sqlite: dict[Word, tuple[str, ...]] = Field({})


class KeptCopy(Recorded):
    """A backup of an instance in one place; `sha256` is that of its file, if it is one."""

    id: str
    to: str
    at: int
    sha256: str = ""


class SiteInstance(Recorded):
    """An instance of a host: its recipe, address and block, and its newest backup in each place."""

    recipe: str
    url: str
    block: int | None = None
    backups: tuple[KeptCopy, ...] = ()


class SiteBackup(Recorded):
    """The first member of a backup of a whole host, which has none of the instances' data.

    `node` and `user` are the names of the host and the admin, `generation` is the number of the one that was current.
    """

    format: Literal[1] = FORMAT
    kind: Literal["site"] = "site"
    id: Id
    site: str
    at: int
    chainsaw: str
    node: str
    user: str
    generation: int
    instances: dict[InstanceName, SiteInstance] = Field({})


class SiteIndex(Recorded):
    """What lies beside the backup of a whole host, without secrets: what it is, and the file, as in Index."""

    format: Literal[1] = FORMAT
    kind: Literal["site"] = "site"
    id: Id
    site: str
    at: int
    node: str
    instances: tuple[str, ...]
    file: str
    bytes: int
    sha256: str
    recipients: tuple[str, ...]


class Tree(Recorded):
    """How much of a volume a backup holds: members, bytes, and the highest id in it."""

    members: int
    bytes: int
    highest: int


class Ending(Recorded):
    """The last member, which makes a backup complete.

    `downtime` is in seconds. `members` and `bytes` are those of all that is listed, with each as room on the disk; as
    much as `most_members` and `most_bytes` is there at once while it is unpacked. `sha256` is that of the list, `left`
    what was left out, by kind.
    """

    id: str
    finished: int
    files: Way
    downtime: float
    volumes: dict[str, Tree] = Field({})
    dumps: dict[str, int] = Field({})
    members: int = 0
    bytes: int = 0
    most_members: int = 0
    most_bytes: int = 0
    left: dict[str, int] = Field({})
    sha256: str = ""

    @property
    def parts(self) -> dict[str, int]:
        """The bytes of each volume and dump, by its path."""
        volumes = {f"{VOLUMES}/{name}": tree.bytes for name, tree in self.volumes.items()}
        return volumes | {f"{DUMPS}/{name}": size for name, size in self.dumps.items()}

    @property
    def data(self) -> int:
        """How many bytes of data it holds: of volumes, and of dumps."""
        return sum(self.parts.values())


class Index(Recorded):
    """What lies beside a bundle, without secrets: what it is, how it ended, and the file, by name, bytes and SHA-256.

    `recipients` are those of age(1) who can read it; without any, it is not encrypted.
    """

    format: Literal[1] = FORMAT
    backup: Backup
    ending: Ending
    file: str
    bytes: int
    sha256: str
    recipients: tuple[str, ...] = ()


class Made(Recorded):
    """A good backup as it is remembered here: where to, when, how large the file and the data, and how it was made.

    `parts` are the bytes of each volume and dump, by its path in the backup.
    """

    id: str
    to: str
    at: int
    bytes: int
    data: int
    members: int
    version: str
    files: Way
    downtime: float
    parts: dict[str, int] = Field({})


class Failure(Recorded):
    """An attempt that failed: where to, when, and why."""

    to: str
    at: int
    why: str


class Drill(Recorded):
    """A rehearsal: of which backup, when, how long it took in seconds, and what was wrong, if anything was."""

    id: str
    at: int
    seconds: float
    problem: str = ""


class BackupRecord(Recorded):
    """What this host remembers of an instance's backups; the backups themselves do not need it.

    `made` has the newest good one of each destination, `failed` what has failed since then, `verified` when each was
    last read as a whole, and `bad` what was wrong with one then, by its path.
    """

    format: Literal[1] = FORMAT
    made: dict[str, Made] = Field({})
    failed: dict[str, Failure] = Field({})
    verified: dict[str, int] = Field({})
    bad: dict[str, str] = Field({})
    drill: Drill | None = None


class SetIndex(Recorded):
    """What makes a set of snapshots in a repository a backup: what it is, as in Index, and which snapshot is what.

    `volumes` is the snapshot with all volumes, `before` one from a moment before, with what was there then alone, and
    `dumps` has one for each component. After this line come the `head`, an archive of what is small, and the list of
    all members, of so many bytes. `end` is what stands in the end of a bundle.
    """

    format: Literal[1] = FORMAT
    index: Index
    volumes: str = ""
    before: str = ""
    dumps: dict[Word, str] = Field({})
    head: int
    list: int
    end: dict[str, object]
