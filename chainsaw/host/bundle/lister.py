"""Lists a tree as packer does, and writes nothing of it: another program reads the files, and is compared with this."""

from __future__ import annotations

import os

from chainsaw.host.bundle import packer


def main(argv: list[str]) -> int:
    """List, with the words of packer; a file with holes is listed with zeros in their place, as others read it."""
    packer.run(argv, os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), dense=True)
    return 0
