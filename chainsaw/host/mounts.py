"""The file systems that are mounted on this host."""

from __future__ import annotations

import os
import re

from chainsaw.host import files

REMOTE = re.compile(
    r"nfs\d?|cifs|smb\d?|9p|ceph|glusterfs|fuse\.(sshfs|rclone|s3fs|davfs|curlftpfs|gvfsd-fuse)|davfs|afs"
)
"""Types of file systems whose files are on another host."""


def kind_at(path: str) -> str:
    """Return the type of the file system that a path is on (proc_pid_mountinfo(5)); "" where that is not known."""
    place, best, kind = os.path.realpath(path), "", ""
    for line in (files.read_text("/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        where = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), before.split(" ")[4])
        inside = place == where or place.startswith(f"{where.rstrip('/')}/")
        if inside and len(where) >= len(best):
            best, kind = where, after.split(" ")[0]
    return kind


def is_remote(kind: str) -> bool:
    """Return whether files of a type of file system are on another host."""
    return bool(REMOTE.fullmatch(kind))
