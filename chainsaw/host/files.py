"""The only module that writes the admin's files: each write is atomic and synced."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import string
from collections.abc import Iterable
from hashlib import sha256
from itertools import islice
from pathlib import Path

from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host import disk
from chainsaw.model.artifact import Tree
from chainsaw.model.names import check_file_path

ALPHABET = string.ascii_letters + string.digits
PARTIAL = ".partial"
"""The suffix of what is being created or removed; it is never used as complete, and doctor removes it."""
LARGEST_TREE = 32 * 1024**2
MOST_FILES = 2000


def read_text(path: str) -> str | None:
    """Return a text file's content, or None when there is none; raise ChainsawError when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        # A file of /proc gives ESRCH when its process has ended.
        return None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        message = f"cannot be read: the byte {error.object[error.start]:#04x} is not UTF-8"
        hint = f"if it is in Latin-1: iconv -f latin1 -t utf-8 {path} > {path}.new"
        raise ChainsawError(Diagnostic("unreadable", message, path, line, column, hint=hint)) from error
    except OSError as error:
        raise ChainsawError(Diagnostic("unreadable", f"cannot be read: {error}", path)) from error


def read_directory(path: str) -> dict[str, bytes]:
    """Return every file below a directory by relative path.

    Raise ChainsawError for links, which could leave it, and for more than LARGEST_TREE bytes in all.
    """
    root = Path(path)
    found = sorted(islice(root.rglob("*"), MOST_FILES + 1))
    links = [file for file in found if file.is_symlink()]
    if links:
        message = "a symbolic link: a recipe has files only"
        raise invalid(
            [
                Diagnostic("recipe-link", message, str(link), hint=f"cp --remove-destination {link.resolve()} {link}")
                for link in links
            ]
        )
    every = [file for file in found if file.is_file()]
    check_size(path, len(found), sum(file.stat().st_size for file in every))
    return {str(file.relative_to(root)): file.read_bytes() for file in every}


def check_size(path: str, count: int, size: int) -> None:
    """Raise ChainsawError for a recipe with too many files, or too many bytes in all."""
    if count > MOST_FILES or size > LARGEST_TREE:
        message = f"a recipe has at most {MOST_FILES} files and {LARGEST_TREE // 1024**2} MB in all"
        hint = "its Containerfile can fetch what is large, at a fixed version"
        raise invalid(Diagnostic("recipe-size", message, path, hint=hint))


def directory_digest(path: str) -> str:
    """Return a SHA-256 of the names, inodes, sizes and times of change of all files below a directory.

    Contents are not read: the time of change is set by the kernel alone (inode(7), ctime).
    """
    summary = sha256()
    for place, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            found = os.lstat(f"{place}/{name}")
            fields = (f"{place}/{name}", found.st_ino, found.st_size, found.st_ctime_ns)
            summary.update(json.dumps(fields).encode())
    return summary.hexdigest()


def content_digests(path: str) -> dict[str, str] | None:
    """Return the SHA-256 of each file below a directory by relative path, or None; a link is its target."""
    if not os.path.isdir(path):
        return None
    root = Path(path)
    found = {}
    for file in sorted(root.rglob("*")):
        if file.is_symlink():
            found[str(file.relative_to(root))] = f"-> {os.readlink(file)}"
        elif file.is_file():
            found[str(file.relative_to(root))] = sha256(file.read_bytes()).hexdigest()
    return found


def list_directory(path: str) -> list[str]:
    """Return the names in a directory, sorted; none when there is no such directory."""
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def partial_files(path: str) -> list[str]:
    """Return what was never finished below a directory of the admin: *.partial, volumes left out."""
    found = []
    for place, folders, names in os.walk(path):
        found += [f"{place}/{name}" for name in (*folders, *names) if name.endswith(".partial")]
        folders[:] = [name for name in folders if not name.endswith(".partial") and name != "volumes"]
    return sorted(found)


def real_path(path: str) -> str:
    """Return the absolute path of a file or directory, links resolved."""
    return os.path.realpath(path)


def absolute_path(path: str) -> str:
    """Return the absolute path of what may not exist yet."""
    return os.path.abspath(path)


def exists(path: str) -> bool:
    """Return whether a path exists."""
    return os.path.lexists(path)


def is_directory(path: str) -> bool:
    """Return whether a path is a directory, and not a link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def changed_at(path: str) -> float:
    """Return when a file was last written, in seconds since 1970; 0 when there is none."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def link_target(path: str) -> str | None:
    """Return where a symbolic link points, or None when it is none."""
    try:
        return os.readlink(path)
    except OSError:
        return None


def make_directory(path: str, mode: int = 0o755) -> None:
    """Make a directory and its parents; set its mode whatever the umask is."""
    disk.make_directories(path)
    if os.stat(path).st_mode & 0o7777 != mode:
        os.chmod(path, mode)


def write_atomic(path: str, content: bytes, mode: int = 0o644) -> None:
    """Replace a file in one rename; after a crash it is the old one or the new one."""
    disk.make_directories(os.path.dirname(path) or ".")
    partial = f"{path}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(partial, path)
    disk.sync_parents([path])


def create_file(path: str, content: bytes, mode: int = 0o644) -> bool:
    """Write a new file; return False, and change nothing, when there is one already."""
    partial = f"{path}.partial"
    write_atomic(partial, content, mode)
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(partial)
        disk.sync_parents([path])
    return True


def append_line(path: str, line: str) -> None:
    """Append one line and sync it; a line that a power cut left incomplete is ended first."""
    disk.make_directories(os.path.dirname(path))
    with open(path, "ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        torn = file.read(1) not in (b"", b"\n")
        file.write(f"{chr(10) if torn else ''}{line}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    if not size:
        disk.sync_parents([path])


def replace_link(path: str, target: str) -> None:
    """Point a symbolic link somewhere else, in one rename."""
    disk.make_directories(os.path.dirname(path))
    partial = f"{path}.partial"
    if os.path.lexists(partial):
        os.unlink(partial)
    os.symlink(target, partial)
    os.replace(partial, path)
    disk.sync_parents([path])


def remove(path: str) -> None:
    """Remove a file or a link, if it is there."""
    if os.path.lexists(path):
        os.unlink(path)
        disk.sync_parents([path])


def remove_tree(path: str) -> None:
    """Remove a directory owned by the admin, if it exists; it is renamed first, so that it is never half there."""
    if not os.path.isdir(path) or os.path.islink(path):
        return
    doomed = path
    if not path.endswith(PARTIAL):
        doomed = f"{path}{PARTIAL}"
        remove_tree(doomed)
        rename(path, doomed)
    shutil.rmtree(doomed)
    disk.sync_parents([path])


def remove_whatever(path: str) -> None:
    """Remove a file, a link or a directory owned by the admin, if it exists."""
    remove_tree(path)
    remove(path)


def write_tree(root: str, tree: Tree, private: Iterable[str] = ()) -> None:
    """Write a whole tree; top-level directories in `private` are for the admin alone.

    It is not on the disk before `publish` or `disk.sync_file_system`. Raise ValueError for a path that leaves the root.
    """
    for artifact in tree.values():
        path = Path(root, check_file_path(artifact.path))
        path.parent.mkdir(parents=True, exist_ok=True)
        if artifact.link:
            os.symlink(artifact.content.decode(), path)
            continue
        path.write_bytes(artifact.content)
        path.chmod(artifact.mode)
    for name in private:
        make_directory(f"{root}/{name}", 0o700)


def random_text(length: int) -> str:
    """Return that many random letters and digits, from a secure source."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def is_writable(path: str) -> bool:
    """Return whether this process may write an existing file, also as far as its file system is concerned."""
    return os.access(path, os.W_OK)


def write_kernel(path: str, value: str) -> None:
    """Write a kernel setting below /proc/sys."""
    Path(path).write_text(value, encoding="ascii")


def rename(source: str, target: str) -> None:
    """Rename a file, or a directory whose content is already on the disk."""
    os.replace(source, target)
    disk.sync_parents([source, target])


def publish(*names: tuple[str, str]) -> None:
    """Sync what was just written, then rename it: (from, to) pairs, all on one file system."""
    if not names:
        return
    # The admin cannot open a file that belongs to a block, but can open the directory above it.
    disk.sync_file_system(os.path.dirname(names[0][1]))
    for source, target in names:
        os.replace(source, target)
    disk.sync_parents([path for pair in names for path in pair])
