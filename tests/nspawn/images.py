"""Root file systems and the base image, built once by mmdebstrap and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .host import cache, locked, run, say

SUITE = "trixie"
BASE_REFERENCE = "docker.io/library/debian:trixie-slim"

EMPTY_PACKAGES = ["adduser", "ca-certificates", "curl", "dbus", "libpam-systemd", "python3", "sudo", "systemd-sysv"]
PODMAN = ["aardvark-dns", "catatonit", "crun", "fuse-overlayfs", "netavark", "passt", "podman", "uidmap"]
MODULES = ["acme", "click", "cryptography", "dnspython", "jinja2", "josepy", "podman", "pydantic", "pystemd", "rich"]
MODULES += ["ruamel.yaml"]
SYSTEM = ["acl", "age", "dbus-user-session", "iproute2", "less", "libnss-systemd", "nftables", "polkitd", "procps"]
SYSTEM += ["restic", "zstd"]
PEERS = ["acme.sh", "bind9-dnsutils", "git", "mmdebstrap", "openssh-client", "openssl", "pebble", "podman-compose"]
PEERS += ["strace", "wrk"]
KERNEL = ["initramfs-tools", "kmod", "linux-image-cloud-amd64", "openssh-server", "udev"]
"""What a root has as well that is to be booted as a virtual machine."""
PACKAGES = [*EMPTY_PACKAGES, *PODMAN, *(f"python3-{module}" for module in MODULES), *SYSTEM, *PEERS]

# adduser is what an admin would use: it gives the home its mode and the account its subordinate ids.
ACCOUNT_HOOK = (
    'chroot "$1" adduser --quiet --disabled-password --comment "" --uid 1000 admin'
    ' && echo "admin ALL=(ALL:ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/admin"'
    ' && chmod 0440 "$1/etc/sudoers.d/admin"'
)
# Timers that hold apt's lock at a moment of their own choice make tests fail at random; modules belong to the host.
MASK_HOOK = 'chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer systemd-modules-load.service'
LINGER_HOOK = 'mkdir -p "$1/var/lib/systemd/linger" "$1/var/log/journal" && touch "$1/var/lib/systemd/linger/admin"'
AUTHORITIES = Path("/usr/local/share/ca-certificates")
SLIM = [
    *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "groff", "info", "linda", "lintian", "locale", "man")),
    "path-include=/usr/share/doc/*/copyright",
    "path-include=/usr/share/locale/locale.alias",
]


@dataclass(frozen=True)
class Image:
    """A tarball that mmdebstrap makes, and all that decides what is in it."""

    name: str
    packages: list[str]
    hooks: list[str]
    dpkg_options: list[str]

    @property
    def key(self) -> str:
        """A hash of everything that goes into the tarball."""
        parts = [SUITE, self.packages, self.hooks, self.dpkg_options, apt_options()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def path(self) -> Path:
        """Where the cache holds the tarball."""
        return cache() / "images" / f"{self.name}-{self.key}.tar"

    def build(self) -> Path:
        """Return the tarball, made now if the cache has none."""
        with locked(cache() / "locks" / f"image-{self.name}"):
            if not self.path.exists():
                say(f"building the {self.name} file system of Debian {SUITE}")
                self._build()
        return self.path

    def _build(self) -> None:
        archives = cache() / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial.tar")
        partial.unlink(missing_ok=True)
        argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar"]
        argv += [f"--include={','.join(self.packages)}"] if self.packages else []
        argv += [f"--aptopt={option}" for option in apt_options()]
        argv += [f"--dpkgopt={option}" for option in self.dpkg_options]
        argv += ["--skip=essential/unlink", '--setup-hook=mkdir -p "$1/var/cache/apt/archives"']
        argv += [f"--setup-hook=sync-in {shlex.quote(str(archives))} /var/cache/apt/archives"]
        argv += [f"--customize-hook=sync-out /var/cache/apt/archives {shlex.quote(str(archives))}"]
        argv += [f"--customize-hook={hook}" for hook in self.hooks]
        run([*argv, SUITE, partial])
        partial.rename(self.path)


def rootfs(empty: bool) -> Image:
    """Return the image that a machine starts from."""
    hooks = [ACCOUNT_HOOK, MASK_HOOK]
    if empty:
        return Image("empty", EMPTY_PACKAGES, hooks, [])
    return Image("machine", PACKAGES, [*hooks, LINGER_HOOK], [])


def base() -> Image:
    """Return the image that the recipes' Containerfiles start from."""
    return Image("base", [], authority_hooks(), SLIM)


def authority_hooks() -> list[str]:
    """Return what lets pip and npm of image builds trust the authorities that the admin of this host added, if any."""
    own = sorted(AUTHORITIES.glob("*.crt"))
    if not own:
        return []
    copies = [f"copy-in {shlex.quote(str(path))} {AUTHORITIES}" for path in own]
    bundle = "cafile=/etc/ssl/certs/ca-certificates.crt"
    npm = f'mkdir -p "$1/usr/local/etc" && echo {bundle} > "$1/usr/local/etc/npmrc"'
    return [f'mkdir -p "$1{AUTHORITIES}"', *copies, npm]


def apt_options() -> list[str]:
    """Return the host's settings without which its mirror may not be reached."""
    wanted = ("Acquire::http::Proxy ", "Acquire::https::Proxy ", "Acquire::Check-Valid-Until ", "Acquire::Check-Date ")
    lines = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.rstrip(";") for line in lines if line.startswith(wanted)]
