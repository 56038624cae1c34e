"""What a recipe calls quiesce holds all writes, and never for longer than it runs; what it excludes is made again."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from chainsaw.work.recipes.catalog import read_recipe

from .machine import Machine
from .prove import RECIPES
from .stage import runnable
from .test_applications import by_name, password_of

pytestmark = [pytest.mark.system, pytest.mark.stage("workshop")]

BACKUPS = {name: read_recipe(str(RECIPES / name), name).recipe.backup for name in runnable()}
QUIESCES = {name: backup.quiesce for name, backup in BACKUPS.items() if backup and backup.quiesce}
CALENDAR = "https://radicale.localhost/admin/{}/"
PAGE = "echo $(date +%N) > /tmp/page && php /usr/share/dokuwiki/bin/dwpage.php commit --message new /tmp/page page"
KILL = 'for p in /proc/[0-9]*; do [ "$(cat $p/comm 2> /dev/null)" != cat ] || kill -9 "${p#/proc/}"; done'
PICTURE = """
    mkdir -p /tmp/pictures
    php -r 'imagepng(imagecreatetruecolor(800, 600), "/tmp/pictures/Dark.png");'
    php /usr/share/mediawiki/maintenance/run.php importImages --user Admin /tmp/pictures
    echo "[[File:Dark.png|thumb|200px]]" | php /usr/share/mediawiki/maintenance/run.php edit --user Admin Picture
"""


def make_calendar(machine: Machine) -> None:
    """Write what no other has written."""
    headers = by_name("admin", password_of(machine, "radicale"))
    name = CALENDAR.format(f"c{time.monotonic_ns()}")
    machine.admin(
        "curl", "-sSk", "--fail", "-X", "MKCALENDAR", "-H", f"Authorization: {headers['Authorization']}", name
    )


WRITES: dict[str, Callable[[Machine], object]] = {
    "dokuwiki": lambda machine: machine.inside("dokuwiki.app", "sh", "-c", PAGE),
    "radicale": make_calendar,
    "shaarli": lambda machine: machine.inside("shaarli.app", "shaarli-add", f"https://e.org/{time.monotonic()}", "e"),
}
ENDS: dict[str, Callable[[Machine, str, subprocess.Popen[str]], object]] = {
    "closed": lambda machine, name, process: process.stdin and process.stdin.close(),
    "killed": lambda machine, name, process: machine.inside(f"{name}.app", "sh", "-c", KILL),
    "left alone": lambda machine, name, process: machine.admin(
        "pkill", "-KILL", "-f", f"^podman exec --interactive {name}"
    ),
}


@pytest.fixture(scope="module")
def applications(machine: Machine) -> Iterator[Machine]:
    """Return the machine, with an instance of each recipe that has something to hold, and of MediaWiki."""
    names = (*QUIESCES, "mediawiki")
    for name in names:
        machine.declare(name, name)
    machine.chainsaw("apply")
    yield machine
    machine.purge(*names)


@contextmanager
def held(machine: Machine, name: str) -> Iterator[subprocess.Popen[str]]:
    """Hold the writes of an application."""
    quiesce = QUIESCES[name]
    container = f"{name}.{quiesce.component}"
    process = machine.begin("podman", "exec", "--interactive", container, *quiesce.command, stdin=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    try:
        assert process.stdout.readline(), process.communicate()
        yield process
    finally:
        process.stdin.close()
        process.wait(30)


def test_every_application_that_holds_is_written_to_here() -> None:
    assert WRITES.keys() == QUIESCES.keys()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", QUIESCES)
def test_a_write_waits_while_it_holds_and_goes_on_however_that_ends(applications: Machine, name: str, end: str) -> None:
    WRITES[name](applications)
    with ThreadPoolExecutor() as pool, held(applications, name) as process:
        written = pool.submit(WRITES[name], applications)
        time.sleep(2)
        assert not written.done()
        ENDS[end](applications, name, process)
        written.result(15)


def test_radicale_is_read_while_it_holds(applications: Machine) -> None:
    authorization = by_name("admin", password_of(applications, "radicale"))["Authorization"]
    asking = ("-X", "PROPFIND", "-H", "Depth: 1", "-H", f"Authorization: {authorization}")
    with held(applications, "radicale"):
        assert "multistatus" in applications.curl("https://radicale.localhost/admin/", *asking)


@pytest.mark.parametrize("name", sorted(QUIESCES.keys() - {"radicale"}))
def test_many_requests_neither_keep_it_from_holding_nor_fail(applications: Machine, name: str) -> None:
    until = time.monotonic() + 12
    statuses = list[int]()

    def ask() -> None:
        while time.monotonic() < until:
            statuses.append(applications.get(f"https://{name}.localhost/?do=login").status)

    with ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(ask) for _ in range(6)]
        while time.monotonic() < until - 2:
            with held(applications, name):
                time.sleep(0.5)
            time.sleep(0.5)
        for one in asking:
            one.result(30)
    assert len(statuses) > 20
    assert max(statuses) < 400


def test_mediawiki_makes_again_what_is_not_in_its_backup(applications: Machine) -> None:
    """Without the command that runs after a restore, pages would go on to show previews that are not there."""
    backup = BACKUPS["mediawiki"]
    assert backup
    assert backup.restored
    assert backup.excludes.keys() == {"data", "images", "private"}
    applications.inside("mediawiki.app", "sh", "-c", PICTURE)
    page = "https://mediawiki.localhost/index.php?title=Picture"
    (preview,) = set(re.findall(r'src="(/images/thumb/[^"]+)"', applications.get(page).body))
    assert applications.get(f"https://mediawiki.localhost{preview}").status == 200
    places = " ".join(f"/srv/{volume}/{item}" for volume, items in backup.excludes.items() for item in items)
    applications.inside("mediawiki.app", "sh", "-c", f"rm -r {places} || true")
    assert applications.get(f"https://mediawiki.localhost{preview}").status == 404
    applications.inside("mediawiki.app", *backup.restored.command)

    def is_there() -> bool:
        applications.get(page)
        return applications.get(f"https://mediawiki.localhost{preview}").status == 200

    deadline = time.monotonic() + 30
    while not is_there():
        assert time.monotonic() < deadline
        time.sleep(1)
