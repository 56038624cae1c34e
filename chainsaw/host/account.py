"""The account that a command runs as: built once by the command line, and passed on."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from chainsaw.host.facts import ranges_of
from chainsaw.host.step import Steps
from chainsaw.host.store import generations
from chainsaw.model.block import Ranges
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths

if TYPE_CHECKING:
    from chainsaw.host.podman import Podman


@dataclass(frozen=True)
class Account:
    """The user that one command runs as.

    `runtime` is XDG_RUNTIME_DIR, `steps` are the effects of this command, `restarted` the instances that an earlier one
    left stopped and that this one has tried to start, `tried` those with a version that has not shown its page yet.
    """

    name: str
    uid: int
    paths: Paths
    runtime: str
    steps: Steps = field(default_factory=Steps, compare=False, repr=False)
    restarted: set[str] = field(default_factory=set, compare=False, repr=False)
    tried: set[str] = field(default_factory=set, compare=False, repr=False)

    @property
    def home(self) -> str:
        """The home directory."""
        return self.paths.home

    @cached_property
    def ranges(self) -> Ranges:
        """The user's subordinate ids; raise ChainsawError when another user's overlap them."""
        return ranges_of(self.name, self.uid)

    @cached_property
    def podman(self) -> Podman:
        """The user's Podman, which may read and write what belongs to blocks; raise ChainsawError as `ranges` does."""
        # The library is slow to import, and many commands do not need Podman.
        from chainsaw.host.podman import Podman

        return Podman(self.runtime, self.ranges.uids, self.ranges.gids)

    def current(self) -> Manifest:
        """Return the manifest of the current generation, an empty one before the first; raise ChainsawError if broken.

        It is read each time, since an apply of the same command may make another generation current.
        """
        return generations.read_manifest(self.paths, generations.current_number(self.paths))


def this_account() -> Account:
    """Return the account of whoever runs this process."""
    entry = pwd.getpwuid(os.getuid())
    home = os.environ.get("HOME") or entry.pw_dir
    runtime = f"/run/user/{entry.pw_uid}"
    os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
    return Account(entry.pw_name, entry.pw_uid, Paths.of(home, dict(os.environ)), os.environ["XDG_RUNTIME_DIR"])
