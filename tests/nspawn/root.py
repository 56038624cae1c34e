"""A root file system on the host: unpacked, fitted to this host, booted, removed."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from .host import replace, run
from .images import apt_options

DEVICES = """\
c! /dev/fuse 0666 root root - 10:229
d  /dev/net 0755 root root -
c! /dev/net/tun 0666 root root - 10:200
"""
CERTIFICATES = "usr/local/share/ca-certificates"


def unpack(tarball: Path, root: Path) -> None:
    """Make ROOT from a tarball, completely or not at all."""
    partial = root.with_name("root.partial")
    remove(partial)
    partial.mkdir(parents=True)
    run(["tar", "-x", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", partial, "-f", tarball])
    replace(partial / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    replace(partial / "etc/tmpfiles.d/container-devices.conf", DEVICES)
    _copy_certificates(partial)
    partial.rename(root)


def prepare(root: Path, name: str) -> None:
    """Fit the root to its name and to the host as it is now."""
    replace(root / "etc/hostname", f"{name}\n")
    replace(root / "etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    replace(root / "etc/resolv.conf", _resolver().read_text())
    replace(root / "etc/apt/apt.conf.d/80host", "".join(f"{option};\n" for option in apt_options()))


def nspawn(root: Path, identity: str) -> list[str]:
    """Return the command that boots the root."""
    options = [
        "--quiet",
        "--settings=no",
        "--register=no",
        "--keep-unit",
        "--boot",
        "--console=pipe",
        "--private-network",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--capability=all",
        "--system-call-filter=@keyring bpf",
    ]
    return ["systemd-nspawn", *options, f"--directory={root}", f"--machine={identity}"]


def remove(root: Path) -> None:
    """Remove a root, and what an interrupted removal has left of it."""
    doomed = root.with_name(f"{root.name}.doomed")
    shutil.rmtree(doomed, ignore_errors=True)
    if root.exists():
        root.rename(doomed)
        shutil.rmtree(doomed)


def _resolver() -> Path:
    real = Path("/run/systemd/resolve/resolv.conf")
    return real if real.exists() else Path("/etc/resolv.conf")


def _copy_certificates(root: Path) -> None:
    own = list(Path("/", CERTIFICATES).glob("*.crt"))
    for certificate in own:
        shutil.copy(certificate, root / CERTIFICATES)
    if own:
        run(["chroot", root, "update-ca-certificates"])
