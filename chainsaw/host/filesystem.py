"""What the file system of a directory can do."""

from __future__ import annotations

from chainsaw.host import files, process


def type_of(path: str) -> str:
    """Return the type of the file system that a path is on, as mount(8) calls it; nothing when it is not known."""
    return process.run(["findmnt", "-n", "-o", "FSTYPE", "-T", path], check=False).text.strip()


def copies_by_reference(directory: str) -> bool:
    """Return whether a copy of a file takes no space of its own, by copying one (cp(1), --reflink)."""
    source = f"{directory}/.chainsaw-reflink"
    files.write_atomic(source, b"x" * 8192)
    try:
        return process.run(["cp", "--reflink=always", source, f"{source}.copy"], check=False).code == 0
    finally:
        files.remove(source)
        files.remove(f"{source}.copy")
