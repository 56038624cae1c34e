"""A backup of an application that is written to all the time has every write until it began, and nothing by halves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import Machine
from .writers import CLIENTS, Writers
from .written import APPLICATIONS, PLACES, Application

pytestmark = [pytest.mark.system, pytest.mark.stage("workshop")]

TIMES = [*range(2), *(pytest.param(number, marks=pytest.mark.long) for number in range(2, 22))]


@pytest.fixture(scope="module")
def applications(machine: Machine) -> Iterator[dict[str, tuple[Application, Writers]]]:
    """Return each application, and the clients that will write to it."""
    for name, kind in APPLICATIONS.items():
        machine.declare(name, name, "", **kind.settings)
    machine.chainsaw("apply")
    made = {name: kind(machine, name) for name, kind in APPLICATIONS.items()}
    yield {name: (application, Writers(application.write, application.read)) for name, application in made.items()}
    machine.purge(*APPLICATIONS)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_backup_among_writes_is_whole_and_nobody_waits_for_it(
    machine: Machine, applications: dict[str, tuple[Application, Writers]], name: str, time: int
) -> None:
    application, writers = applications[name]
    with writers:
        writers.go_on(PLACES)
        before, answers = writers.acknowledged(), writers.answers
        (made,) = machine.json("backup", name)["data"]["backups"]
        after = writers.acknowledged()
        writers.go_on(1)
    assert writers.failures == []
    assert writers.answers > answers
    assert all(now > then for then, now in zip(before, after, strict=True)), "they wrote during the backup"
    assert (made["ending"]["files"], made["ending"]["downtime"]) == (application.way, 0)
    machine.chainsaw("restore", made["backup"]["id"], "--as", "restored")
    try:
        found = application.check("restored", before)
    finally:
        machine.chainsaw("remove", "restored", "--purge", "--no-backup", "--yes")
    for client in range(CLIENTS):
        numbers = sorted(found[client])
        assert numbers == list(range(len(numbers))), "no write is missing before one that is there"
        assert before[client] <= len(numbers) <= after[client] + 1
