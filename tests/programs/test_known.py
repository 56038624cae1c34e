"""Pages that are known are shown without asking the application for an hour, and not for longer."""

from __future__ import annotations

import os
import subprocess
import time
from types import SimpleNamespace

import pytest
from program import program

HOUR = 3600 * 10**6


@pytest.fixture
def known():
    return program("known")


def test_the_file_of_a_trial_that_was_killed_does_not_stay(known, tmp_path):
    for name in ("blog", "shop"):
        (tmp_path / f"chainsaw-{name}.tried").touch()
    os.utime(tmp_path / "chainsaw-blog.tried", (time.time() - 3601,) * 2)
    known.let_try_go(str(tmp_path), ["blog", "shop", "wiki"])
    assert [path.name for path in tmp_path.iterdir()] == ["chainsaw-shop.tried"]


@pytest.mark.parametrize(("since", "old"), [(0, True), (9 * HOUR - 1, True), (9 * HOUR, False), (10 * HOUR, False)])
def test_an_hour_after_it_stopped_it_may_be_asked(known, since, old):
    assert known.out_of_date([since], 10 * HOUR) == [old]


def test_those_that_are_up_are_left_alone(known, tmp_path, monkeypatch):
    (tmp_path / "blog.up").touch()
    now, asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, []

    def run(argv, **options):
        asked.extend(argv[5:])
        return SimpleNamespace(stdout=f"0\n\n{now}\n".encode())

    monkeypatch.setattr(subprocess, "run", run)
    known.let_ask(str(tmp_path), ["blog", "shop", "wiki"])
    assert asked == ["app@shop.service", "app@wiki.service"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blog.up", "shop.up"]
    known.let_ask(str(tmp_path), ["blog", "shop"])
    assert len(asked) == 2, "nothing is down"
