"""A program that shows trees at constant paths to another: `python3 -I enclosure.py ROOT USER TREE... -- WORD...`.

It runs in a user and a mount namespace of its own, with all capabilities there. On ROOT, an empty directory, it puts
together what is on this host, and beside it /volumes with each tree, NAME=PATH, which nothing can write to; and with
+NAME=COPIES, in the place of some files in it the copies in that directory. There it becomes the program WORD.

So the path of what is saved is the same wherever a volume is. The admin has another id there than on the host, and root
has none. But ssh(1) looks up who runs it, and finds USER; and of settings it takes only root's and its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Sequence

VOLUMES = "volumes"
USERS = "/etc/passwd"
SETTINGS = "/etc/ssh/ssh_config.d"
"""What ssh's own settings include (ssh_config(5))."""
READ_ONLY, REMOUNT, BIND, RECURSIVE, UNBINDABLE, PRIVATE, RELATIVE_TIMES = (
    1 << bit for bit in (0, 5, 12, 14, 17, 18, 21)
)
"""Flags of mount(2)."""
COPIES = "copies.json"
"""In a directory of copies, the name of each by its path in the tree, see host/bundle/choice.py."""
DIRECTORY, PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, os.O_PATH | os.O_NOFOLLOW
KEPT = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME
"""Flags of a mount that stay when it is changed: statvfs(3) and mount(2) have the same numbers for them."""


def mount(source: str, target: str, flags: int, kind: str | None = None) -> None:
    """Show a source at a target; the program mount refuses whoever is not root, whatever the capabilities are."""
    library = ctypes.CDLL(None, use_errno=True)
    words = [os.fsencode(source), os.fsencode(target), kind.encode() if kind else None]
    if library.mount(*words, ctypes.c_ulong(flags), None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def assemble(root: str, user: str, trees: Sequence[str]) -> None:
    """Put together on a directory what the program is to see."""
    mount("chainsaw", root, 0, "tmpfs")
    os.umask(0o077)
    # What is below / holds ROOT itself, which must not come into itself.
    mount("", root, UNBINDABLE)
    for entry in os.scandir("/"):
        target = f"{root}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir() and entry.name != VOLUMES:
            os.mkdir(target)
            mount(entry.path, target, BIND | RECURSIVE)
    mount("", root, PRIVATE)
    os.mkdir(f"{root}/{VOLUMES}")
    for tree in trees:
        name, _, path = tree.partition("=")
        if name.startswith("+"):
            _show_copies(path, f"{root}/{VOLUMES}/{name[1:]}")
        else:
            _show(path, f"{root}/{VOLUMES}/{name}")
    # A directory that is always the same is stored once.
    os.utime(f"{root}/{VOLUMES}", (0, 0))
    _name_user(root, user)
    _take_over(root, SETTINGS)


def _show(path: str, target: str) -> None:
    os.mkdir(target)
    mount(path, target, BIND)
    found = os.statvfs(target).f_flag
    times = RELATIVE_TIMES if found & os.ST_RELATIME else 0
    mount("", target, REMOUNT | BIND | READ_ONLY | found & KEPT | times)


def _show_copies(copies: str, tree: str) -> None:
    """Show copies in the place of files; whoever fills the tree may change it meanwhile, and no link is followed."""
    with open(f"{copies}/{COPIES}") as file:
        found = {path: copy for path, copy in json.load(file).items() if copy}
    for path, copy in found.items():
        *above, name = path.split("/")
        opened = [os.open(tree, DIRECTORY)]
        try:
            for part in above:
                opened.append(os.open(part, DIRECTORY, dir_fd=opened[-1]))
            opened.append(os.open(name, PLACE, dir_fd=opened[-1]))
            mount(f"{copies}/{copy}", f"/proc/self/fd/{opened[-1]}", BIND)
        except (FileNotFoundError, NotADirectoryError):
            # It is gone since it was copied, and so is not in this pass.
            continue
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _name_user(root: str, user: str) -> None:
    """Give the ids that this program has the admin's name."""
    with open(USERS) as file:
        others = [line for line in file if not line.startswith(f"{user}:")]
    with open(f"{root}/{VOLUMES}.users", "w") as file:
        file.write(f"{user}:x:{os.getuid()}:{os.getgid()}::{os.environ['HOME']}:/bin/sh\n")
        file.writelines(others)
    mount(f"{root}/{VOLUMES}.users", f"{root}{USERS}", BIND)


def _take_over(root: str, directory: str) -> None:
    """Show the files of a directory as the admin's own."""
    if not os.path.isdir(directory):
        return
    copy = f"{root}/{VOLUMES}.settings"
    os.mkdir(copy)
    for entry in os.scandir(directory):
        if entry.is_file() and os.access(entry.path, os.R_OK):
            with open(entry.path, "rb") as file, open(f"{copy}/{entry.name}", "wb") as target:
                target.write(file.read())
    mount(copy, f"{root}{directory}", BIND)


def main(argv: Sequence[str]) -> int:
    """Become the program; print what went wrong before it."""
    at = argv.index("--")
    root, user, *trees = argv[:at]
    try:
        assemble(root, user, trees)
        os.chroot(root)
        os.chdir("/")
        os.execvp(argv[at + 1], list(argv[at + 1 :]))  # noqa: S606  # it is what the caller has started
    except OSError as error:
        sys.stderr.write(f"{error.strerror}: {error.filename}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
