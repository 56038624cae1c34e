#!/usr/bin/python3
"""Backups in a repository of restic, tried with Debian's restic as the admin: `repository.py SCENARIO`.

It prints a line of JSON with what was measured. It needs chainsaw and restic, and nothing of the tests.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from chainsaw.errors import ChainsawError
from chainsaw.host.facts import ranges_of
from chainsaw.host.podman.program import Program
from chainsaw.host.restic.answers import Node, Progress
from chainsaw.host.restic.call import Restic
from chainsaw.host.restic.repository import Repository
from chainsaw.model.block import SIZE

FIRST, SECOND = 10, 11
"""Blocks, counted in the last range of the admin."""
FILES, LENGTH = 300, 100_000
ZEROS = 50_000_000
FILL = f"""
import os, random, sys
top, first = sys.argv[1], 0
source = random.Random(13)
os.makedirs(f"{{top}}/data/odd [*]"); os.makedirs(f"{{top}}/up")
for number in range({FILES}):
    place = f"{{top}}/data/d{{number % 7}}"
    os.makedirs(place, exist_ok=True)
    with open(f"{{place}}/f{{number}}", "wb") as file:
        file.write(source.randbytes({LENGTH}))
    os.chown(f"{{place}}/f{{number}}", 33, number % 3)
    os.chmod(f"{{place}}/f{{number}}", 0o600)
    os.chown(place, 33, 33)
    os.chmod(place, 0o2770)
os.link(f"{{top}}/data/d0/f0", f"{{top}}/data/d1/again")
os.setxattr(f"{{top}}/data/d0/f7", "user.note", b"a\\0b")
os.symlink("/etc/passwd", f"{{top}}/data/link"); os.lchown(f"{{top}}/data/link", 5, 6)
open(f"{{top}}/data/odd [*]/\u00fc", "w").close()
open(os.fsencode(top) + b"/data/no text \\xff", "w").close()
os.mkfifo(f"{{top}}/up/fifo"); os.chown(f"{{top}}/up/fifo", 65535, 65535)
with open(f"{{top}}/up/hole", "wb") as file:
    file.truncate({ZEROS})
os.utime(f"{{top}}/data/d0/f0", ns=(1, 1_234_567_890_123_456_789))
os.chown(f"{{top}}/data", 0, 0); os.chmod(f"{{top}}/data", 0o710); os.chown(f"{{top}}/up", 1000, 1000)
"""
APPEND = """
import os, sys
with open(sys.argv[1], "ab") as file:
    file.write(os.urandom(int(sys.argv[2])))
"""
READING = """
import sys
try:
    sys.stdout.write(open(sys.argv[1]).read())
except PermissionError:
    sys.stdout.write("refused")
"""
WALK = """
import hashlib, json, os, stat, sys
top, found, inodes = sys.argv[1], {}, {}
for base, directories, names in os.walk(top):
    for path in [base, *(os.path.join(base, name) for name in names)] + [
        os.path.join(base, name) for name in directories if os.path.islink(os.path.join(base, name))
    ]:
        known = os.lstat(path)
        regular = stat.S_ISREG(known.st_mode)
        content = hashlib.sha256(open(path, "rb").read()).hexdigest() if regular else ""
        content = os.readlink(path) if stat.S_ISLNK(known.st_mode) else content
        keys = [] if stat.S_ISLNK(known.st_mode) else os.listxattr(path)
        attributes = {key: os.getxattr(path, key).hex() for key in keys if key.startswith("user.")}
        name = os.path.relpath(path, top)
        first = inodes.setdefault(known.st_ino, name) if regular else name
        found[name] = [known.st_mode, known.st_uid, known.st_gid, known.st_mtime_ns, content, attributes, first,
                       known.st_blocks if regular and content == "" else 0]
print(json.dumps(found, sort_keys=True))
"""


@cache
def user() -> str:
    """Return the admin's name."""
    return pwd.getpwuid(os.getuid()).pw_name


@cache
def podman() -> Program:
    """Return Podman, which knows the admin's ids."""
    ranges = ranges_of(user(), os.getuid())
    return Program(ranges.uids, ranges.gids)


def block(number: int) -> int:
    """Return the first id of a block on this host."""
    return podman().uids[-1].start + number * SIZE


def enter(number: int) -> list[str]:
    """Return the words before a program that run it in a block."""
    return podman().enter_block(block(number))


def in_block(number: int, code: str, *words: str) -> str:
    """Run Python as root of a block's ids."""
    argv = [*enter(number), "--setuid=0", "--setgid=0", "--", sys.executable, "-I", "-c", code, *words]
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout


class Place:
    """A directory with two volumes of the first block, a repository and its password."""

    def __init__(self, top: Path) -> None:
        """Make them."""
        self.top = top
        self.volumes = top / "volumes"
        # In its own container an application owns its volumes; here the admin's directory is open for it to be filled.
        self.volumes.mkdir(mode=0o777)
        self.volumes.chmod(0o777)
        in_block(FIRST, FILL, str(self.volumes))
        self.volumes.chmod(0o700)
        self.password = top / "password"
        self.password.touch(0o600)
        self.password.write_text("correct horse\n")
        self.location = top / "repository"
        self.repository = self.of("site-a")

    def of(self, site: str, **changes: Any) -> Repository:
        """Return the repository for a site."""
        restic = Restic(
            str(self.location), str(self.password), {"AWS_SECRET_ACCESS_KEY": "a secret"}, str(self.top / "cache")
        )
        return Repository(replace(restic, **{"patience": 60, "wait": 2, **changes}), site)

    @property
    def trees(self) -> dict[str, str]:
        """Return the volumes by name."""
        return {name: f"{self.volumes}/{name}" for name in ("data", "up")}

    def save(self, **options: Any) -> Any:
        """Save both volumes."""
        return self.repository.save_trees(self.trees, enter(FIRST), ["instance=blog"], **options)

    def count(self, path: str) -> int:
        """Return how many files there are directly in a directory of the volumes."""
        return len(
            json.loads(
                in_block(
                    FIRST, "import json, os, sys; print(json.dumps(os.listdir(sys.argv[1])))", f"{self.volumes}/{path}"
                )
            )
        )

    def nodes(self, snapshot: str) -> list[Node]:
        """Return what a snapshot holds."""
        with self.repository.listing(snapshot) as nodes:
            return list(nodes)


@contextmanager
def place(*, ready: bool = True) -> Iterator[Place]:
    """Give a place for one scenario, with a repository in it."""
    top = Path(tempfile.mkdtemp(prefix="repository-", dir=Path.home()))
    try:
        found = Place(top)
        if ready:
            found.repository.init()
        yield found
    finally:
        podman().remove_trees([str(top)])


@contextmanager
def refused(code: str, *texts: str) -> Iterator[None]:
    """Expect an error with a code whose rendering holds texts."""
    try:
        yield
    except ChainsawError as error:
        (problem,) = error.diagnostics
        assert problem.code == code, problem
        for text in texts:
            assert text in problem.render(), problem.render()
    else:
        raise AssertionError(f"no error {code}")


def making() -> dict[str, Any]:
    """A repository is made once, for the admin alone; what is none, or has another password, is told apart."""
    with place(ready=False) as here:
        assert not here.repository.exists()
        with refused("no-repository", str(here.location)):
            here.repository.snapshots()
        here.repository.init()
        assert here.repository.exists()
        assert here.location.stat().st_mode & 0o777 == 0o700
        with refused("repository", "already exists"):
            here.repository.init()
        here.password.write_text("wrong\n")
        with refused("repository-password", "chainsaw secret set backup_password"):
            here.repository.exists()
        here.password.chmod(0o644)
        with refused("password-file", f"chmod 600 {here.password}"):
            here.repository.exists()
        here.password.unlink()
        with refused("password-file", "No such file"):
            here.repository.exists()
    return {}


def increments() -> dict[str, Any]:
    """A second backup reads and stores what has changed, also after the volumes have moved; owners are containers'."""
    with place() as here:
        began = time.monotonic()
        first = here.save()
        seconds = time.monotonic() - began
        assert first.files == FILES + 4, first
        assert (
            subprocess.run(["find", here.location, "!", "-user", user()], capture_output=True, check=True).stdout == b""
        )
        nodes = {node.path: node for node in here.nodes(first.id)}
        file = nodes["/volumes/data/d0/f0"]
        assert (file.kind, file.mode, file.uid, file.gid, file.size) == ("file", 0o600, 33, 0, LENGTH)
        assert file.mtime == 1_234_567_890_123_456_789
        assert file.inode == nodes["/volumes/data/d1/again"].inode
        assert nodes["/volumes/data/d0"].mode == 0o2770
        assert nodes["/volumes/data"].mode == 0o710
        assert (nodes["/volumes/up/fifo"].kind, nodes["/volumes/up/fifo"].uid) == ("fifo", SIZE - 1)
        assert (nodes["/volumes"].uid, nodes["/volumes/up"].uid) == (SIZE, 1000)
        assert here.repository.links(first.id, "/volumes/data") == {"link": "/etc/passwd"}
        here.volumes.rename(here.top / "moved")
        here.volumes = here.top / "moved"
        for number in range(FILES // 100):
            in_block(FIRST, APPEND, f"{here.volumes}/data/d{number}/f{number}", "1")
        second = here.save(parent=first.id)
        assert second.added < 10 * LENGTH, second
        (_, last) = here.repository.snapshots(["instance=blog"])
        assert (last.id, last.site, last.paths) == (second.id, "site-a", ("/volumes/data", "/volumes/up"))
        assert last.tags == ("chainsaw", "instance=blog")
        third = here.save(parent=second.id, excludes=["/volumes/data/d0", "*.tmp"])
        assert third.files == second.files - here.count("data/d0"), third
        return {"first": first.added, "changed": second.added, "of": first.size, "seconds": round(seconds, 2)}


def files_and_outputs() -> dict[str, Any]:
    """What a program prints, and what is known, become a file each; failure and emptiness leave nothing."""
    with place() as here:
        repository = here.repository
        tags = ["instance=blog", "set=1"]
        dump = repository.save_stream("dump", [b"a" * 10, b"b"], tags)
        with repository.read(dump.id, "/dump") as stream:
            assert stream.read() == b"a" * 10 + b"b"
        manifest = repository.save_stream("manifest.json", [b'{"complete": true}'], tags)
        with repository.read(manifest.id, "/manifest.json") as stream:
            assert stream.read() == b'{"complete": true}'
        with refused("empty-output", "bad would be empty"):
            repository.save_stream("bad", [b""], tags)

        def breaking() -> Iterator[bytes]:
            yield b"x" * 10**6
            raise OSError("the dump broke off")

        try:
            repository.save_stream("bad", breaking(), tags)
        except OSError as error:
            assert "broke off" in str(error)
        assert [item.paths for item in repository.snapshots(tags)] == [("/dump",), ("/manifest.json",)]
        large = repository.save_stream("large", (os.urandom(10**6) for _ in range(20)), tags)
        assert large.size == 20 * 10**6
        with repository.read(large.id, "/large") as stream:
            stream.read(10)
        assert os.listdir(here.location / "locks") == [], "who stops reading leaves no lock"
        with refused("repository", "not found in snapshot"), repository.read(large.id, "/none") as stream:
            assert stream.read() == b""
        with refused("stalled", "no progress"):
            here.of("site-a", patience=1, wait=1).save_stream("slow", slowly(6), tags)
        assert len(repository.snapshots(tags)) == 3
    return {}


def slowly(seconds: float) -> Iterator[bytes]:
    """Yield a line after some seconds."""
    time.sleep(seconds)
    yield b"line\n"


def hanging() -> dict[str, Any]:
    """A program that makes no progress is ended, whatever it does with signals."""
    with place() as here:

        def stop(progress: Progress) -> None:
            for number in _restics(here):
                os.kill(number, signal.SIGSTOP)

        in_block(FIRST, APPEND, f"{here.volumes}/data/large", str(2 * 10**8))
        here.repository = here.of("site-a", patience=1, wait=1)
        with refused("stalled", "no progress for 2 seconds"):
            here.save(report=stop)
        assert not _restics(here)
        assert here.repository.snapshots() == []
        here.repository.prune()
    return {}


def missing() -> dict[str, Any]:
    """A volume that is not there is found before; what cannot be read leaves no snapshot; what vanishes is named."""
    with place() as here:
        trees = {**here.trees, "gone": f"{here.volumes}/gone"}
        with refused("no-data", "the volume gone is not there", f"{here.volumes}/gone"):
            here.repository.save_trees(trees, enter(FIRST), [])
        # A file of a third block is nobody's here.
        (here.top / "volumes").chmod(0o777)
        in_block(FIRST, "import os, sys; os.chmod(sys.argv[1], 0o777)", f"{here.volumes}/up")
        in_block(
            SECOND, "import os, sys; os.close(os.open(sys.argv[1], os.O_CREAT, 0o600))", f"{here.volumes}/up/other"
        )
        with refused("repository", "/volumes/up/other: ", "permission denied"):
            here.save()
        assert here.repository.snapshots() == []
    return {}


def forgetting() -> dict[str, Any]:
    """Snapshots are removed by id, and only this site's; others are not even listed."""
    with place() as here:
        other = here.of("site-b")
        environment = {**os.environ, **here.repository.restic.variables}
        subprocess.run(
            ["restic", "backup", "-q", "--stdin", "--host", "site-a"], input=b"x", env=environment, check=True
        )
        mine = [here.repository.save_stream("a", [b"1"], ["instance=blog"]).id for _ in range(3)]
        theirs = other.save_stream("a", [b"1"], ["instance=blog"]).id
        assert [item.id for item in here.repository.snapshots(["instance=blog"])] == mine
        assert [item.id for item in other.snapshots()] == [theirs]
        assert len(here.repository.snapshots(everywhere=True)) == 4
        here.repository.forget([mine[0], theirs, "0" * 64])
        assert [item.id for item in here.repository.snapshots()] == mine[1:]
        assert [item.id for item in other.snapshots()] == [theirs]
        here.repository.forget([mine[0]])
        here.repository.prune()
        here.repository.check()
        here.repository.forget(mine)
        assert here.repository.snapshots() == []
        said = subprocess.run(
            ["restic", "snapshots", "--json"], env=environment, capture_output=True, check=True
        ).stdout
        assert len(json.loads(said)) == 2
        # What restic 0.18 does not say is found: nothing is removed where the snapshots cannot be.
        last = here.repository.save_stream("a", [b"1"], [])
        snapshots = here.location / "snapshots"
        kept = (snapshots / last.id).read_bytes()
        putting = threading.Thread(target=_put_back, args=(snapshots / last.id, kept))
        putting.start()
        with refused("not-forgotten", last.id):
            here.repository.forget([last.id])
        putting.join()
    return {}


def _put_back(path: Path, content: bytes) -> None:
    while path.exists():
        time.sleep(0.001)
    path.write_bytes(content)


def damage() -> dict[str, Any]:
    """A byte that has changed is found by reading the data; the structure alone does not show it."""
    with place() as here:
        made = here.save()
        pack = max((path for path in here.location.glob("data/*/*")), key=lambda path: path.stat().st_size)
        pack.chmod(0o600)
        whole = pack.read_bytes()
        pack.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
        here.repository.check()
        found = 0
        for part in range(1, 5):
            try:
                here.repository.check(part, 4)
            except ChainsawError as error:
                (problem,) = error.diagnostics
                assert problem.code == "repository-damaged", problem
                assert pack.name in problem.message
                found += 1
        assert found == 1
        with refused("repository"), here.repository.archive(made.id) as stream, open(os.devnull, "wb") as nowhere:
            shutil.copyfileobj(stream, nowhere)
        pack.write_bytes(whole[:1000])
        with refused("repository-damaged", "unexpected file size"):
            here.repository.check()
        pack.write_bytes(whole)
        here.repository.check(1, 1)
    return {}


def locks() -> dict[str, Any]:
    """Another one's lock is waited for and named; one that a kill has left is no obstacle."""
    with place() as here:
        first = here.repository.save_stream("a", [b"1"], [])
        slow = threading.Thread(target=here.repository.save_stream, args=("slow", slowly(8), []))
        slow.start()
        time.sleep(2)
        with refused("repository-locked", "is already locked by PID"):
            here.repository.prune()
        slow.join()
        child = subprocess.Popen([sys.executable, __file__, "endless", str(here.top)], start_new_session=True)
        time.sleep(3)
        (running,) = _restics(here)
        os.kill(running, signal.SIGKILL)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        assert os.listdir(here.location / "locks")
        here.repository.save_stream("b", [b"2"], [])
        here.repository.forget([first.id])
        here.repository.prune()
        assert os.listdir(here.location / "locks") == []
        # Whoever started it is killed: restic ends by itself, and leaves no snapshot.
        child = subprocess.Popen([sys.executable, __file__, "endless", str(here.top)], start_new_session=True)
        time.sleep(3)
        child.kill()
        child.wait()
        deadline = time.monotonic() + 15
        while _restics(here):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert len(here.repository.snapshots()) == 2
    return {}


def _restics(here: Place) -> list[int]:
    """Return the restics at work in a place's repository."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "comm").read_text() == "restic\n" and str(here.top).encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def endless() -> dict[str, Any]:
    """Make a backup that does not end, in a place of another scenario."""
    here = Place.__new__(Place)
    here.top = Path(sys.argv[2])
    here.password, here.location = here.top / "password", here.top / "repository"
    here.of("site-a").save_stream("endless", (line for _ in range(10**6) for line in slowly(0.1)), [])
    return {}


def confinement() -> dict[str, Any]:
    """restic may read and nothing else, no secret is in argv, and an application can read nothing of the repository."""
    with place() as here:
        report: dict[str, str] = {}

        def look(progress: Progress) -> None:
            for number in _restics(here)[:1]:
                report["argv"] = Path(f"/proc/{number}/cmdline").read_text()
                report["status"] = Path(f"/proc/{number}/status").read_text()

        in_block(
            FIRST, "import os, sys; open(sys.argv[1], 'wb').write(os.urandom(10**8))", f"{here.volumes}/data/large"
        )
        here.save(report=look)
        caps = dict(re.findall(r"^(Cap\w+|NoNewPrivs):\s+(\w+)$", report["status"], re.MULTILINE))
        assert {caps[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {f"{1 << 2:016x}"}, caps
        assert caps["NoNewPrivs"] == "1"
        for secret in ("correct horse", "a secret", str(here.location)):
            assert secret not in report["argv"], report["argv"]
        _keep_out(here)
    return {}


def _keep_out(here: Place) -> None:
    """Read as root of a block, where the admin is nobody, and every directory above lets it pass."""
    alone = [word for word in enter(FIRST) if f"={SIZE}:" not in word]
    public = here.top / "public"
    public.write_text("for all")
    mode = Path.home().stat().st_mode & 0o777
    for path in (Path.home(), here.top):
        path.chmod(0o711)
    try:
        for path in (public, here.password, here.location / "config", *here.location.glob("keys/*")):
            argv = [*alone, "--setuid=0", "--setgid=0", "--", sys.executable, "-I", "-c", READING, str(path)]
            said = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout
            assert said == ("for all" if path == public else "refused"), path
    finally:
        Path.home().chmod(mode)


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        making,
        increments,
        files_and_outputs,
        hanging,
        missing,
        forgetting,
        damage,
        locks,
        confinement,
    )
}


if __name__ == "__main__":
    shutil.which("restic") or sys.exit("restic is not installed")
    print(json.dumps({**SCENARIOS, "endless": endless}[sys.argv[1]]()))
