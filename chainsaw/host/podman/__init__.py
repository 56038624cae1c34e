"""Podman: through its API, and through the program for what the API does not have."""

from __future__ import annotations

from collections.abc import Sequence

from chainsaw.host.podman.api import Api
from chainsaw.host.podman.program import Program
from chainsaw.model.block import Range


class Podman(Api, Program):
    """Rootless Podman of the admin."""

    def __init__(self, runtime: str, uids: Sequence[Range], gids: Sequence[Range]) -> None:
        """Take the runtime directory (XDG_RUNTIME_DIR), where the API's socket is, and the subordinate ranges."""
        Api.__init__(self, f"{runtime}/podman/podman.sock")
        Program.__init__(self, uids, gids)
