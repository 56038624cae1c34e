"""How the programs of a backup begin: confined to the directory that they work on, and with as many files as may be."""

from __future__ import annotations

import hashlib
import os
import resource
import signal

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def confine(path: str) -> int:
    """Open a directory, make it the root of all that this process can reach, and return its descriptor.

    Raise OSError where that cannot be, unless this process may do nothing that others may not either.
    """
    descriptor = os.open(path, DIRECTORY)
    os.fchdir(descriptor)
    # Its code is loaded when it is used first, from outside.
    hashlib.sha256(b"").hexdigest()
    try:
        os.chroot(".")
    except PermissionError:
        if os.geteuid() == 0:
            raise
    return descriptor


def prepare() -> None:
    """Take as many descriptors as may be, one for each level of a tree; end without a word when nobody reads on."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
