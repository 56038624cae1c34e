"""The disk has died: on an empty host, with one file, the recovery sheet and the backups, everything is back."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .browser import Browser
from .disaster import HOSTS, KEEPER, MARKER, PASSWORD, Keeper, content, fill, new_keeper
from .machine import CONFIG, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("site")]

DISK = "/srv/disk"
WIKI = "https://wiki.localhost/"


@dataclass(frozen=True)
class Lost:
    """A host that is gone: what was on it, who was logged in, the key of its backups, and where they are now."""

    was: dict[str, str]
    browser: Browser
    key: str
    place: Path


@pytest.fixture(scope="module")
def lost(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    """Fill a host, back it up, and lose it."""
    place = tmp_path_factory.mktemp("disaster")
    machine.write(f"{CONFIG}/site.yaml", f"backup:\n  to: [{DISK}]\n")
    key = re.findall("AGE-SECRET-KEY-[A-Z0-9]+", machine.chainsaw("backup", "key").out)[0]
    fill(machine)
    browser = Browser(machine)
    assert browser.log_in(WIKI, "ann", PASSWORD).status == 303
    was = content(machine, browser)
    assert all(MARKER in was[name] for name in (*HOSTS, "note"))
    machine.root("install", "-d", "-o", "admin", DISK)
    machine.chainsaw("backup", "--all")
    keep_images(machine, place / "images.tar")
    shutil.copytree(machine.seen(DISK), place / "disk")
    machine.verb("destroy")
    return Lost(was, browser, key, place)


def keep_images(machine: Machine, place: Path) -> None:
    """Copy the images, in the place of a registry and of a mirror of Debian's."""
    names = machine.admin("sh", "-c", "podman images --format '{{.Repository}}:{{.Tag}}' | grep ^localhost/chainsaw/")
    machine.admin("podman", "save", "--quiet", "--multi-image-archive", "-o", "/home/admin/images.tar", *names.split())
    shutil.copyfile(machine.seen("/home/admin/images.tar"), place)


@pytest.fixture(scope="module")
def empty(lost: Lost, own: Machine) -> Iterator[Keeper]:
    """Return a host with nothing but Debian and chainsaw; its admin has another name."""
    machine = Keeper(f"{own.name}-next")
    machine.verb("fresh")
    machine.verb("install")
    new_keeper(machine, lost.place / "images.tar")
    machine.write(f"/home/{KEEPER}/key.txt", f"{lost.key}\n")
    machine.root("mkdir", DISK)
    for file in (lost.place / "disk").iterdir():
        if not file.name.startswith("feeds-"):
            bring(machine, file)
    yield machine
    machine.verb("destroy")


def bring(machine: Keeper, file: Path) -> None:
    """Copy a file of the disk that has survived."""
    shutil.copyfile(file, machine.seen(f"{DISK}/{file.name}"))
    machine.root("chown", "-R", KEEPER, DISK)


def command(lost: Lost) -> list[str]:
    (file,) = [file.name for file in (lost.place / "disk").iterdir() if re.fullmatch(r"site-.*\.age", file.name)]
    return ["restore", "--site", f"{DISK}/{file}", "--identity", f"/home/{KEEPER}/key.txt"]


def test_a_dry_run_shows_which_backups_are_found(empty: Keeper, lost: Lost) -> None:
    shown = empty.chainsaw(*command(lost), "--dry-run", code=3)
    assert len(re.findall(f"{DISK}/[a-z]+-", shown.out)) == len(HOSTS) - 1
    assert "feeds: its newest backup, feeds-" in shown.err
    assert not empty.exists(empty.data("rebuilding"))


def test_it_goes_on_after_it_was_killed(empty: Keeper, lost: Lost) -> None:
    empty.try_admin("timeout", "--signal=KILL", "6", "chainsaw", *command(lost))
    assert empty.exists(empty.data("rebuilding"))


def test_what_is_missing_is_named_and_all_others_are_back(empty: Keeper, lost: Lost) -> None:
    done = empty.chainsaw(*command(lost), code=3)
    assert "feeds: its newest backup, feeds-" in done.err
    assert f"mount or copy {DISK}" in done.err
    for name in set(HOSTS) - {"feeds"}:
        assert f"{name} is live at https://{name}.localhost/" in done.out


def test_the_same_command_brings_the_rest(empty: Keeper, lost: Lost) -> None:
    for file in (lost.place / "disk").iterdir():
        bring(empty, file)
    began = time.monotonic()
    done = empty.chainsaw(*command(lost))
    print(f"the last one is back after {time.monotonic() - began:.0f} s")
    assert "feeds is live at https://feeds.localhost/" in done.out
    assert not empty.exists(empty.data("rebuilding"))


def test_everything_is_as_it_was(empty: Keeper, lost: Lost) -> None:
    browser = Browser(empty)
    assert browser.log_in(WIKI, "ann", PASSWORD).status == 303
    assert content(empty, browser) == lost.was


def test_who_was_logged_in_still_is(empty: Keeper, lost: Lost) -> None:
    browser = Browser(empty, lost.browser.cookies)
    assert MARKER in browser.get(f"{WIKI}_export/raw/{MARKER}").body


def test_a_second_site_is_refused(empty: Keeper, lost: Lost) -> None:
    done = empty.chainsaw(*command(lost), code=5)
    assert "this host has instances already" in done.err


def test_with_everything_there_one_command_is_enough(empty: Keeper, lost: Lost) -> None:
    """Begin with an empty host once more, and measure."""
    empty.verb("destroy")
    empty.verb("fresh")
    first = time.monotonic()
    empty.verb("install")
    new_keeper(empty, lost.place / "images.tar")
    empty.write(f"/home/{KEEPER}/key.txt", f"{lost.key}\n")
    empty.root("mkdir", DISK)
    for file in (lost.place / "disk").iterdir():
        bring(empty, file)
    began = time.monotonic()
    empty.chainsaw(*command(lost))
    seconds, whole = time.monotonic() - began, time.monotonic() - first
    print(f"five applications are back after {seconds:.0f} s, with 1 command after apt install and chainsaw setup")
    print(f"from an empty Debian it took {whole / 60:.1f} minutes, with 3 commands, and images that were built before")
    for name in HOSTS:
        assert empty.try_get(f"https://{name}.localhost/")
