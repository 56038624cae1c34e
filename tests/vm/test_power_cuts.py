"""Power cuts in the middle of commands, and right after them: the old state or the new one, and every file whole.

Each cut is a copy of the disk at that moment, without what the guest had not synced. It is read without a boot, and one
of each command is booted in a system container, where the next command repairs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from nspawn.machine import Machine as NspawnMachine
from qemu import disk
from system.machine import Machine, wait

from chainsaw.host.store import generations

from .box import HOME, Box, Cut, moments
from .judge import Remains

pytestmark = pytest.mark.system

SEED = os.environ.get("CHAINSAW_SEED", "1")
COUNTS = [pytest.param(2, id="few"), pytest.param(25, id="many", marks=pytest.mark.long)]
MANY = COUNTS[1:]
"""For what writes its files as those do that are tried with a few cuts each time."""
SECRET = ".local/share/chainsaw/instances/one/secrets/session"
FILES = ".config/chainsaw/instances"
BACKUPS = ".local/share/chainsaw/backups/one"
Boot = Callable[[Cut], Machine]
Judge = Callable[[str, int, float, Callable[[Remains, bool], None]], list[Cut]]


@contextmanager
def remains(cut: Cut) -> Iterator[Remains]:
    """Mount a disk as it was left, which needs no more repair than its journal."""
    with disk.mounted(cut.disk, cut.disk.with_suffix("")) as place:
        yield Remains(place / HOME.lstrip("/"))


@pytest.fixture
def judged(box: Box) -> Judge:
    """Return what runs a command and fails when any cut in it leaves something that is not whole, or is of no state."""
    committed = box.commits()

    def judge(words: str, count: int, longest: float, check: Callable[[Remains, bool], None]) -> list[Cut]:
        cuts = list(box.cut_during(words.split(), moments(f"{SEED} {words}", count, longest)))
        for cut in cuts:
            with remains(cut) as left:
                assert left.damages() == [], f"{cut}"
                assert left.commits()[-len(committed) :] == committed, f"{cut}: history is only ever added to"
                check(left, cut.after)
        return cuts

    return judge


@pytest.mark.parametrize("count", COUNTS)
def test_apply(box: Box, judged: Judge, count: int, boot: Boot) -> None:
    """A new instance: its directories, its secret, its static files, its units. After a cut, the next apply repairs."""

    def check(left: Remains, after: bool) -> None:
        number = generations.current_number(left.paths)
        serves = "two" in generations.read_manifest(left.paths, number).instances
        assert left.text(f"{FILES}/two.yaml") == declared
        if after:
            assert serves
            assert left.events()[-1] == "done"
            assert left.git("rev-parse", f"refs/chainsaw/{number}").strip() == left.commits()[0]

    declared = box.admin("cat", f"{FILES}/two.yaml")
    machine = boot(middle(judged("apply two", count, 3.5, check)))
    machine.chainsaw("apply")
    assert "number 1" in machine.curl("https://two.localhost/1.txt")
    is_whole(machine)


def middle(cuts: list[Cut]) -> Cut:
    """Return one of the cuts during the command."""
    during = [cut for cut in cuts if not cut.after]
    return during[len(during) // 2]


def is_whole(machine: Machine) -> None:
    """Nothing is left to do, all answers, and the history is intact."""
    assert machine.plan() == []
    assert "number 1" in machine.curl("https://one.localhost/1.txt")
    machine.admin("git", "-C", f"{HOME}/.config/chainsaw", "fsck", "--strict")


@pytest.mark.parametrize("count", COUNTS)
def test_config_set(box: Box, judged: Judge, count: int, boot: Boot) -> None:
    def check(left: Remains, after: bool) -> None:
        text = left.text(f"{FILES}/one.yaml")
        assert text == new or (text == old and not after)

    old = box.admin("cat", f"{FILES}/one.yaml")
    new = old.replace('"It works"', "Walks")
    assert new != old
    machine = boot(middle(judged("config set one settings.text Walks", count, 1.4, check)))
    machine.chainsaw("config", "set", "one", "settings.text", "Walks")
    machine.chainsaw("apply", "one")
    assert "Walks" in machine.read(f"{HOME}/{FILES}/one.yaml")
    machine.chainsaw("apply")
    is_whole(machine)


@pytest.mark.parametrize("count", MANY)
def test_secret_rotate(box: Box, judged: Judge, count: int, boot: Boot) -> None:
    def check(left: Remains, after: bool) -> None:
        assert not after or (left.home / SECRET).read_text() != old

    old = box.root("cat", f"{HOME}/{SECRET}")
    machine = boot(middle(judged("secret rotate one session", count, 3.5, check)))
    machine.chainsaw("secret", "rotate", "one", "session")
    kept = machine.root("cat", f"{HOME}/{SECRET}")
    assert kept != old
    assert machine.inside_as_root("one.app", "cat", "/run/secrets/session").out == kept, "the application has it, too"
    machine.chainsaw("apply")
    is_whole(machine)


@pytest.mark.parametrize("count", MANY)
def test_rename(box: Box, judged: Judge, count: int, boot: Boot) -> None:
    """What is an instance's is under its old name or under its new one, each part once."""

    def check(left: Remains, after: bool) -> None:
        parts = {
            "data": [f".local/share/chainsaw/instances/{name}/volumes/data/kept" for name in ("one", "uno")],
            "secret": [f".local/share/chainsaw/instances/{name}/secrets/session" for name in ("one", "uno")],
            "record": [f".local/share/chainsaw/instances/{name}/record.json" for name in ("one", "uno")],
            "file": [f"{FILES}/one.yaml", ".config/chainsaw/removed/one.yaml", f"{FILES}/uno.yaml"],
        }
        for part, places in parts.items():
            there = [place for place in places if left.text(place)]
            assert len(there) == 1, f"{part}: {there}"
            assert not after or there == places[-1:]

    box.admin("podman", "exec", "one.app", "sh", "-c", "echo walks > /srv/data/kept && sync /srv/data/kept /srv/data")
    machine = boot(middle(judged("rename one uno", count, 6.5, check)))
    machine.chainsaw("rename", "one", "uno", code=None)
    machine.chainsaw("apply")
    # After a cut that came late, there is nothing to apply, and the boot may still be starting it.
    assert wait(lambda: machine.try_admin("podman", "exec", "uno.app", "cat", "/srv/data/kept").out == "walks\n", 60)
    is_whole(machine)


@pytest.mark.parametrize("count", MANY)
def test_backup(box: Box, judged: Judge, count: int, boot: Boot) -> None:
    """What is listed is whole, and an older one is as it was."""

    def check(left: Remains, after: bool) -> None:
        listed = sorted((left.home / BACKUPS).glob("*.json"))
        for index in listed:
            known = json.loads(index.read_text())
            content = index.with_name(known["file"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == known["sha256"]
        names = {index.name for index in listed}
        assert former <= names
        assert not after or former < names

    box.admin("chainsaw", "backup", "one")
    former = set(box.admin("sh", "-c", f"cd {BACKUPS}; ls *.json; sync").split())
    machine = boot(middle(judged("backup one", count, 4, check)))
    machine.chainsaw("backup", "one")
    machine.chainsaw("backup", "verify", "one")
    assert machine.admin("sh", "-c", f"ls -A {BACKUPS} | grep -c partial || true").strip() == "0"
    is_whole(machine)


@pytest.mark.parametrize("count", MANY)
def test_restore(box: Box, judged: Judge, count: int, boot: Boot) -> None:
    """The data is that of before, or that of the backup, and the next command leaves it so."""
    written = "echo {} > /srv/data/kept && sync /srv/data/kept /srv/data"
    box.admin("podman", "exec", "one.app", "sh", "-c", written.format("then"))
    box.admin("chainsaw", "backup", "one", "--to", f"{HOME}/then")
    box.admin("sh", "-c", "mv then/*.tar.zst then/one.tar.zst; rm then/*.json")
    box.admin("podman", "exec", "one.app", "sh", "-c", written.format("now"))
    box.root("sync")

    def check(left: Remains, after: bool) -> None:
        places = ("volumes/data", "former/data")
        found = {left.text(f".local/share/chainsaw/instances/one/{place}/kept") for place in places} - {None}
        assert found <= {"then\n", "now\n"}
        assert found == {"then\n"} if after else found

    words = f"restore {HOME}/then/one.tar.zst --no-backup"
    machine = boot(middle(judged(words, count, 10, check)))
    machine.chainsaw("apply", code=None)
    machine.chainsaw("apply")
    kept = ("podman", "exec", "one.app", "cat", "/srv/data/kept")
    assert wait(lambda: machine.try_admin(*kept).out in ("then\n", "now\n"), 60)
    assert not machine.exists(f"{HOME}/.local/share/chainsaw/instances/one/former")
    is_whole(machine)


def test_a_kill_of_the_emulator(box: Box) -> None:
    """The last thing that is done to the virtual machine: all the other cuts are copies of its disk."""
    box.root("sh", "-c", "sync && echo lost > /root/written")
    box.guest.kill()
    with remains(Cut(box.guest.disk, after=True)) as left:
        assert left.damages() == []
        written = left.home.parent.parent / "root/written"
        assert not written.exists() or written.read_bytes() == b"", (
            "what nobody synced is lost, or this is no power cut"
        )


@pytest.fixture
def boot(box: Box) -> Iterator[Boot]:
    """Return what boots a disk as a power cut left it, in a system container."""
    machine = NspawnMachine(f"{os.environ.get('CHAINSAW_MACHINE', 'chainsaw')}-cut")
    machine.stop(cut=True)
    machine.home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as mounts:

        def start(cut: Cut) -> Machine:
            root = mounts.enter_context(disk.mounted(cut.disk, machine.root))
            mounts.callback(machine.stop, cut=True)
            (root / disk.VM_NETWORK).unlink()
            machine.boot()
            return Machine(machine.name)

        yield start
    machine.root.rmdir()
