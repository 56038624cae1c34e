"""The peer of an instance: the same containers, with other volumes, behind an nginx with a published port."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from .generated import Container, Mount, container
from .measure import do, wait_until
from .site import DATA, STATE, host

TEMPLATE = "blog"
BLOCK = 65536
OWN = {"/srv/conf": "conf", "/srv/certificates": "certificates", "/srv/sockets": "run", "/srv/public": "volumes"}


@dataclass(frozen=True)
class Pair:
    """A WordPress and its database, and the directory in which their sockets appear."""

    db: Container
    app: Container
    sockets: Path

    def await_database(self) -> None:
        """Wait until the database listens."""
        wait_until((self.sockets / "mysqld.sock").exists, f"{self.db.name} listens", pause=0.01)

    def start(self) -> None:
        """Start it as one would at a prompt."""
        do(*self.db.run())
        self.await_database()
        do(*self.app.run())

    def restart(self) -> None:
        """Stop it and start it again, so that the database is there before and after WordPress."""
        do("podman", "stop", self.app.name)
        do("podman", "stop", self.db.name)
        do("podman", "start", self.db.name)
        self.await_database()
        do("podman", "start", self.app.name)


@dataclass(frozen=True)
class Peers:
    """A directory for the peers of one benchmark, and the port of their nginx."""

    kind: str
    port: int

    @property
    def home(self) -> Path:
        """The directory of these peers."""
        return Path.home() / "peers" / self.kind

    def prepare(self, name: str, number: int) -> Pair:
        """Make volumes, configuration and routes for one more WordPress, in the block that is the last but number."""
        sockets = self.home / "run" / name
        app, db = container(f"app@{TEMPLATE}"), container(f"app@{TEMPLATE}.db")
        self._routes(name)
        return Pair(self._own(db, "db", name, number), self._own(app, "app", name, number), sockets)

    def front(self) -> Container:
        """Return their nginx, with what is theirs."""
        front = published(f"{self.kind}-front", self.port)
        mounts = (
            replace(mount, source=self.home / OWN[mount.target]) if mount.target in OWN else mount
            for mount in front.mounts
        )
        return replace(front, mounts=tuple(mounts))

    def _own(self, one: Container, component: str, name: str, number: int) -> Container:
        block = last_block() - number * BLOCK
        mounts = tuple(self._mount(mount, component, name, block - one.block) for mount in one.mounts)
        bare = one.without("--env", "FPM_SOCKETS=").within(block)
        return replace(bare, name=f"{name}.{component}", mounts=mounts)

    def _mount(self, mount: Mount, component: str, name: str, shift: int) -> Mount:
        kind = "config" if mount.read_only else "run" if mount.source.name == "run" else "volumes"
        inner = {"config": f"{component}/{mount.source.name}", "run": "", "volumes": mount.source.name}[kind]
        target = self.home / kind / name / inner
        target.parent.mkdir(parents=True, exist_ok=True)
        found = mount.source.stat()
        owner, mode = found.st_uid, f"{found.st_mode & 0o7777:o}"
        if owner == os.getuid():
            target.write_text(_renamed(mount.source.read_text(), name))
        else:
            install = ["sudo", "install", "-o", str(owner + shift), "-g", str(found.st_gid + shift), "-m", mode]
            do(*install, *([mount.source, target] if mount.read_only else ["-d", target]))
        return replace(mount, source=target)

    def _routes(self, name: str) -> None:
        # The path is resolved once, because the link `current` may change meanwhile.
        source, target = (STATE / "generations/current").resolve() / "nginx", self.home / "conf/current/nginx"
        for path in sorted(source.rglob("*")):
            new = target / re.sub(rf"\b{TEMPLATE}\b", name, str(path.relative_to(source)))
            if path.is_symlink():
                new.unlink(missing_ok=True)
                new.symlink_to(_renamed(str(path.readlink()), name))
            elif path.is_dir():
                new.mkdir(parents=True, exist_ok=True)
            else:
                new.parent.mkdir(parents=True, exist_ok=True)
                new.write_text(_renamed(path.read_text(), name))
        certificates = self.home / "certificates"
        certificates.mkdir(parents=True, exist_ok=True)
        do("sudo", "cp", "-a", "-T", DATA / "front/certificates" / host(TEMPLATE), certificates / host(name))

    def clear(self) -> None:
        """Delete the directory."""
        do("sudo", "rm", "-rf", self.home)

    def keep_only_routes_of(self, *names: str) -> None:
        """Forget the routes of instances that are no peers."""
        for file in (self.home / "conf/current/nginx/hosts").iterdir():
            if file.name not in {f"{host(name)}.conf" for name in names}:
                file.unlink()


def published(name: str, port: int) -> Container:
    """Return the front with a published port on a bridge in place of sockets of systemd."""
    front = container("chainsaw-front").without("--network").without("--env", "NGINX=")
    network = (("--network", "bridge"), ("-p", f"{port}:443"))
    return replace(front, name=name, options=front.options + network)


def last_block() -> int:
    """Return the first id of the last block of the admin's subordinate ids."""
    ranges = (line.split(":") for line in Path("/etc/subuid").read_text().splitlines())
    return max(int(start) + int(count) for user, start, count in ranges if user == os.environ["USER"]) - BLOCK


def _renamed(text: str, name: str) -> str:
    text = text.replace(f"/srv/sockets/{TEMPLATE}.sock", f"/srv/sockets/{name}/app.sock")
    text = re.sub(r"^listen = .*$", r"\g<0>\nlisten.mode = 0666", text, flags=re.MULTILINE)
    return re.sub(rf"\b{TEMPLATE}\b", name, text)


def remove(*containers: Container) -> None:
    """Remove containers."""
    do("podman", "rm", "--force", "--ignore", "--depend", *(one.name for one in containers))
