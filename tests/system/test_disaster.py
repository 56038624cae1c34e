"""The disk has died: on an empty host, with the recovery sheet and the backups, everything is back.

The site and three of its applications are in a repository, two applications are in files.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .browser import Browser
from .disaster import FILES, HOSTS, KEEPER, MARKER, PASSWORD, Keeper, content, fill, keep_images, new_keeper
from .machine import CONFIG, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("site")]

DISK = "/srv/disk"
REPOSITORY = f"restic:{DISK}/repository"
WIKI = "https://wiki.localhost/"


@dataclass(frozen=True)
class Lost:
    """A host that is gone: what was on it, who was logged in, its recovery sheet, and where its backups are now."""

    was: dict[str, str]
    browser: Browser
    key: str
    password: str
    place: Path


@pytest.fixture(scope="module")
def lost(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Lost:
    """Fill a host, back it up, and lose it."""
    place = tmp_path_factory.mktemp("disaster")
    machine.write(f"{CONFIG}/site.yaml", f'backup:\n  to: ["{REPOSITORY}"]\n')
    sheet = machine.chainsaw("backup", "key").out
    ((key, password),) = re.findall(r"(AGE-SECRET-KEY-[A-Z0-9]+).*^  (\w{40})$", sheet, re.DOTALL | re.MULTILINE)
    fill(machine, DISK)
    browser = Browser(machine)
    assert browser.log_in(WIKI, "ann", PASSWORD).status == 303
    was = content(machine, browser)
    assert all(MARKER in was[name] for name in (*HOSTS, "note"))
    machine.root("install", "-d", "-o", "admin", DISK)
    machine.chainsaw("backup", "--all")
    keep_images(machine, place / "images.tar")
    shutil.copytree(machine.seen(DISK), place / "disk")
    machine.verb("destroy")
    return Lost(was, browser, key, password, place)


@pytest.fixture(scope="module")
def empty(lost: Lost, own: Machine) -> Iterator[Keeper]:
    """Return a host with nothing but Debian and chainsaw; its admin has another name."""
    machine = Keeper(f"{own.name}-next")
    machine.verb("fresh")
    machine.verb("install")
    new_keeper(machine, lost.place / "images.tar")
    write_sheet(machine, lost)
    machine.root("mkdir", DISK)
    for file in (lost.place / "disk").iterdir():
        if not file.name.startswith("feeds-"):
            bring(machine, file)
    yield machine
    machine.verb("destroy")


def write_sheet(machine: Keeper, lost: Lost) -> None:
    """Type what stands on the recovery sheet."""
    machine.write(f"/home/{KEEPER}/key.txt", f"{lost.key}\n")
    machine.admin("chainsaw", "secret", "set", "backup_password", stdin=f"{lost.password}\n")


def bring(machine: Keeper, file: Path) -> None:
    """Copy a file, or the repository, of the disk that has survived."""
    target = machine.seen(f"{DISK}/{file.name}")
    if file.is_dir():
        shutil.copytree(file, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(file, target)
    machine.root("chown", "-R", KEEPER, DISK)


COMMAND = ("restore", "--site", REPOSITORY, "--identity", f"/home/{KEEPER}/key.txt")


def test_a_dry_run_shows_which_backups_are_found(empty: Keeper) -> None:
    shown = empty.chainsaw(*COMMAND, "--dry-run", code=3)
    assert re.findall(f"{DISK}/([a-z]+)-", shown.out) == ["www"]
    assert shown.err.count(f"is in {REPOSITORY}, which is read with a password of the site") == len(HOSTS) - len(FILES)
    assert "feeds: its newest backup, feeds-" in shown.err
    assert not empty.exists(empty.data("rebuilding"))


def test_it_goes_on_after_it_was_killed(empty: Keeper) -> None:
    empty.try_admin("timeout", "--signal=KILL", "6", "chainsaw", *COMMAND)
    assert empty.exists(empty.data("rebuilding"))


def test_what_is_missing_is_named_and_all_others_are_back(empty: Keeper) -> None:
    done = empty.chainsaw(*COMMAND, code=3)
    assert "feeds: its newest backup, feeds-" in done.err
    assert f"mount or copy {DISK}" in done.err
    for name in set(HOSTS) - {"feeds"}:
        assert f"{name} is live at https://{name}.localhost/" in done.out


def test_the_same_command_brings_the_rest(empty: Keeper, lost: Lost) -> None:
    for file in (lost.place / "disk").iterdir():
        bring(empty, file)
    began = time.monotonic()
    done = empty.chainsaw(*COMMAND)
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


def test_a_second_site_is_refused(empty: Keeper) -> None:
    done = empty.chainsaw(*COMMAND, code=5)
    assert "this host has instances already" in done.err


@pytest.mark.long
def test_with_everything_there_one_command_is_enough(empty: Keeper, lost: Lost) -> None:
    """Begin with an empty host once more, and measure."""
    empty.verb("destroy")
    empty.verb("fresh")
    first = time.monotonic()
    empty.verb("install")
    new_keeper(empty, lost.place / "images.tar")
    write_sheet(empty, lost)
    empty.root("mkdir", DISK)
    for file in (lost.place / "disk").iterdir():
        bring(empty, file)
    began = time.monotonic()
    empty.chainsaw(*COMMAND)
    seconds, whole = time.monotonic() - began, time.monotonic() - first
    print(f"five applications are back after {seconds:.0f} s, with 2 commands after apt install and chainsaw setup")
    print(f"from an empty Debian it took {whole / 60:.1f} minutes, with 4 commands, and images that were built before")
    for name in HOSTS:
        assert empty.try_get(f"https://{name}.localhost/")
