"""An admin with a home directory, whose generations are compiled from the files only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from fake import replaces

from chainsaw.host import facts, files
from chainsaw.host.account import Account, this_account
from chainsaw.host.files import replace_link
from chainsaw.host.store import generations, records
from chainsaw.host.systemd import UserManager
from chainsaw.model.artifact import INTENT_OF_SITE, Artifact, intent_path
from chainsaw.model.block import Range, Ranges
from chainsaw.model.deployment import Deployment, Manifest, ProbeRequest
from chainsaw.model.paths import Paths
from chainsaw.model.route import Route
from chainsaw.work import interrupted
from chainsaw.work.backup import hold
from chainsaw.work.config.names import declared_names
from chainsaw.work.history.history import ChangeRecord, commit_change, outcomes_of, paths_about

KIM = ("-c", "user.name=Kim", "-c", "user.email=kim@example.org", "-c", "commit.gpgsign=false")


@dataclass
class Admin:
    """The account, its files, and what was applied."""

    account: Account
    known: dict[str, Deployment] = field(default_factory=dict)

    @property
    def paths(self) -> Paths:
        return self.account.paths

    @property
    def own(self) -> Path:
        return Path(self.paths.own_files)

    @property
    def author(self) -> str:
        return f"{self.account.name} <{self.account.name}@{facts.node()}>"

    def write(self, path: str, text: str) -> Path:
        place = self.own / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def read(self, path: str) -> str:
        return (self.own / path).read_text()

    def declare(self, name: str, title: str = "Walks") -> Path:
        route = f"https://{name}.example.org/"
        text = f"recipe: wordpress\nroute: {route}\nsettings:\n  title: {title}\n"
        return self.write(f"instances/{name}.yaml", text)

    def retract(self, name: str) -> None:
        """Remove an instance's file as `remove` does: it is kept elsewhere."""
        (self.own / "removed").mkdir(exist_ok=True)
        (self.own / f"instances/{name}.yaml").rename(self.own / f"removed/{name}.yaml")

    def generation(self, *names: str, version: str = "1") -> int:
        """Write a generation of what is declared, or of what was there before and the instances named."""
        number = generations.current_number(self.paths) + 1
        texts = {name: self.read(f"instances/{name}.yaml") for name in declared_names(self.paths)}
        chosen = texts if not names else {name: texts[name] for name in names if name in texts}
        kept = {} if not names else {name: item for name, item in self.known.items() if name not in names}
        tree = [Artifact(intent_path(name), text.encode(), name) for name, text in chosen.items()]
        before = generations.read_tree(self.paths, generations.read_manifest(self.paths, number - 1))
        tree += [before[intent_path(name)] for name in kept]
        tree.append(Artifact("nginx/nginx.conf", b""))
        if (self.own / "site.yaml").exists():
            tree.append(Artifact(INTENT_OF_SITE, (self.own / "site.yaml").read_bytes()))
        self.known = {**kept, **{name: deployment(name, text, version) for name, text in chosen.items()}}
        self._put(Manifest(number=number, instances=self.known), {item.path: item for item in tree})
        return number

    def _put(self, manifest: Manifest, tree: Mapping[str, Artifact]) -> None:
        files = {path: item.digest for path, item in tree.items()}
        owners = {path: item.owner for path, item in tree.items()}
        whole = manifest.model_copy(update={"files": files, "owners": owners})
        generations.write_generation(self.paths, whole, tree)
        replace_link(self.paths.current, str(manifest.number))

    def arrange(self, *deployments: Deployment) -> Manifest:
        """Write a generation in which these instances are and no others; none of their files is in it."""
        number = generations.current_number(self.paths) + 1
        manifest = Manifest(number=number, instances={item.name: item for item in deployments})
        self._put(manifest, {"nginx/nginx.conf": Artifact("nginx/nginx.conf", b"")})
        return manifest

    def apply(self, *names: str, why: str = "", version: str = "1", failed: tuple[str, ...] = ()) -> list[str]:
        """Make a generation and commit it as apply does; return the codes of the warnings."""
        before = dict(self.known)
        number = self.generation(*names, version=version)
        changed = {name for name in before | self.known if before.get(name) != self.known.get(name)} | {*failed}
        outcomes = outcomes_of(generations.read_manifest(self.paths, number), changed, {name: [] for name in failed})
        change = ChangeRecord("apply", tuple(sorted(changed)), outcomes, why, "in part" if failed else "done")
        if names:
            files = ("site.yaml", *(path for name in names for path in paths_about(name)))
            change = ChangeRecord(change.command, change.names, outcomes, why, change.result, files)
        return [item.code for item in commit_change(self.account, change, number)]

    def git(self, *words: str, check: bool = True, stdin: str = "") -> str:
        """Let the admin use git in the directory of the files; return what it prints."""
        argv = ["git", "-C", str(self.own), *KIM, *words]
        done = subprocess.run(argv, check=check, input=stdin, capture_output=True, text=True)
        return done.stdout

    def subjects(self) -> list[str]:
        """Return the first line of each commit, newest first."""
        return self.git("log", "--format=%s").splitlines()

    def changed_by(self, commit: str = "HEAD") -> list[str]:
        """Return the files that a commit changed."""
        return self.git("show", "--format=", "--name-only", commit).split()


def deployment(name: str, text: str, version: str) -> Deployment:
    """Return an instance that differs from another when its file or its recipe version differs."""
    digest = sha256(text.encode()).hexdigest()
    host = f"{name}.example.org"
    probe = ProbeRequest(path="/", status=200)
    return Deployment(
        name=name,
        recipe="wordpress",
        version=version,
        digest=digest,
        routes=(Route(host=host, path="/"),),
        block=None,
        probe=probe,
    )


@pytest.fixture
def admin(tmp_path, monkeypatch) -> Admin:
    """An admin with an empty home, isolated from other git configuration."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "home/.config/chainsaw/instances").mkdir(parents=True)
    return Admin(this_account())


PODMAN = """#!/bin/sh
echo "$*" >> {asked}
"""
UNSHARE = """#!/bin/sh
echo "unshare $*" >> {asked}
while case $1 in --*) true ;; *) false ;; esac; do
    shift
done
exec "$@"
"""


@pytest.fixture
def volume(tmp_path) -> Path:
    """A directory with every kind of file."""
    root = tmp_path / "volume"
    (root / "a directory/deep").mkdir(parents=True)
    (root / "a directory/deep/größe").write_bytes(os.urandom(100_000))
    (root / "a directory/deep/größe").chmod(0o640)
    os.link(root / "a directory/deep/größe", root / "the same")
    (root / "nowhere").symlink_to("../nowhere")
    (root / "empty").touch(mode=0o755)
    (root / ("long" * 50)).write_text("a name that an old archive does not hold")
    os.mkfifo(root / "pipe")
    os.utime(root / "empty", ns=(0, 981173106_123456789))
    (root / "a directory").chmod(0o1777)
    return root


@pytest.fixture
def podman(tmp_path, monkeypatch) -> Path:
    """A podman without images, and an unshare without user namespaces; return the file of their arguments."""
    asked, programs = tmp_path / "asked-of-podman", tmp_path / "programs"
    asked.touch()
    programs.mkdir()
    for name, text in (("podman", PODMAN), ("unshare", UNSHARE)):
        (programs / name).write_text(text.format(asked=asked))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return asked


@pytest.fixture
def gitless(tmp_path, monkeypatch) -> None:
    """A host on which git is not installed."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


EXEC = """#!/bin/sh
shift
test "$1" = exec || exit 0
while test $# -gt 0; do
    case $1 in blog.*) shift; exec "$@" ;; esac
    shift
done
"""
NEEDING = """#!/bin/sh
while test "$1" != --; do shift; done
shift
exec "$@"
"""
IDS = Ranges([Range("kim", 524288, 64 * 65536)], [Range("kim", 524288, 64 * 65536)])


@replaces(UserManager, own=("set",))
class Units:
    """A user manager whose units are all in one state until they are stopped or started."""

    def __init__(self):
        self.state, self.changed = "inactive", {}

    def __call__(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def set(self, state):
        self.state = state

    def states(self, patterns):
        return {name: self.changed.get(name, self.state) for name in patterns}

    def stop(self, names, timeout):
        self.changed |= dict.fromkeys(names, "inactive")

    def start(self, units, timeout, others=()):
        self.changed |= {name: "active" for name, _ in units}
        return {name: "active" for name, _ in units}


@dataclass
class Blog:
    """A WordPress that is applied, with data: its containers' programs run here, and its units are made up."""

    admin: Admin
    deployment: Deployment
    programs: Path
    units: Units

    @property
    def account(self) -> Account:
        return self.admin.account

    @property
    def content(self) -> Path:
        return Path(self.admin.paths.volume("blog", "content", public=True))

    def program(self, name: str, text: str) -> None:
        """Put a program where the containers have it."""
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.programs / name).chmod(0o755)

    def dumps(self, size: int) -> None:
        """Let its database dump so many bytes."""
        self.program("mariadb-dump", f"head -c {size} /dev/zero")


@pytest.fixture
def blog(admin, podman, goldens, monkeypatch) -> Blog:
    """An applied WordPress with two files, two secrets, and a database that dumps 100 bytes."""
    programs, units = podman.parent / "programs", Units()
    for name, text in (("podman", EXEC), ("systemd-run", NEEDING)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for module in (hold, interrupted):
        monkeypatch.setattr(module, "UserManager", units)
    admin.account.__dict__["ranges"] = IDS
    text = goldens["wordpress"].manifest.instances["blog"].model_dump_json()
    found = Deployment.model_validate_json(text.replace("/home/admin", admin.paths.home))
    admin.declare("blog")
    records.prepare(admin.paths)
    admin.arrange(found)
    assert found.block is not None
    records.write_block(admin.paths, "blog", found.block)
    for secret in found.secrets:
        files.write_atomic(secret.path, f"sesame of {secret.key}".encode())
    for volume in found.volumes:
        files.make_directory(volume.path)
    made = Blog(admin, found, programs, units)
    (made.content / "uploads").mkdir()
    for path, content in (("uploads/sea.jpg", "the sea"), ("index.php", "<?php")):
        (made.content / path).write_text(content)
    made.program("mariadb-admin", "exit 0")
    made.dumps(100)
    return made
