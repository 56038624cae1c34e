"""Hashes of passwords and what their checks may cost."""

from __future__ import annotations

import io
import sys
import threading
from types import SimpleNamespace
from typing import Any

import argon2
import pytest
from chainsaw_login import passwords
from chainsaw_login.passwords import BusyError, Passwords, affordable

PASSWORD = "correct horse battery"


def made(monkeypatch, capsys, sent):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(sent)))
    return passwords.main(), *capsys.readouterr()


def test_the_hash_that_login_hash_prints_is_of_the_password(monkeypatch, capsys):
    status, printed, _ = made(monkeypatch, capsys, f"{PASSWORD}\n".encode())
    assert status == 0
    stored = printed.removesuffix("\n")
    assert affordable(stored)
    assert Passwords().right(stored, PASSWORD)
    assert not Passwords().right(stored, PASSWORD + "x")


def test_the_same_letter_from_another_keyboard_is_the_same(monkeypatch, capsys):
    _, printed, _ = made(monkeypatch, capsys, "schlüssel".encode())
    assert Passwords().right(printed.strip(), "schlu\u0308ssel")


@pytest.mark.parametrize("sent", [b"", b"\n", b"short12\n", b"x" * 257, b"\xff" * 20])
def test_no_password_that_is_short_or_long_or_no_text(monkeypatch, capsys, sent):
    status, printed, said = made(monkeypatch, capsys, sent)
    assert (status, printed) == (2, "")
    assert said.startswith("login-hash: a password ")


@pytest.mark.parametrize(
    "costs",
    [
        {"time_cost": 9},
        {"memory_cost": 21 * 1024},
        {"parallelism": 2, "memory_cost": 16},
        {"type": argon2.Type.I},
    ],
)
def test_a_hash_that_costs_more_is_refused(costs):
    cheap: dict[str, Any] = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
    assert affordable(argon2.PasswordHasher(**cheap).hash("x"))
    assert not affordable(argon2.PasswordHasher(**(cheap | costs)).hash("x"))


@pytest.mark.parametrize("text", ["", "$", "$2b$12$abc", "$argon2id$v=19$m=x,t=1,p=1$a$b", "plain"])
def test_what_is_no_hash_is_refused(text):
    assert not affordable(text)


def test_nobody_costs_the_same():
    found = argon2.extract_parameters(passwords.NOBODY)
    made_now = argon2.extract_parameters(passwords.HASHER.hash("x"))
    assert found == made_now


def test_a_user_without_a_hash_has_no_password():
    assert not Passwords().right(None, "")
    assert not Passwords().right(None, "nobody")


def test_a_long_password_is_not_even_checked():
    busy = Passwords(at_once=1, patience=0)
    with busy._free:
        assert not busy.right(passwords.NOBODY, "x" * 257)


def test_others_wait_a_moment_and_then_are_told_so():
    few = Passwords(at_once=1, patience=0.05)
    with few._free, pytest.raises(BusyError):
        few.right(None, "x")
    assert not few.right(None, "x")


def test_no_more_than_so_many_at_once(monkeypatch):
    inside, most, lock = [0], [0], threading.Lock()

    def slow(*_):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.02)
        with lock:
            inside[0] -= 1

    monkeypatch.setattr(passwords, "HASHER", SimpleNamespace(verify=slow))
    some = Passwords(at_once=2)
    threads = [threading.Thread(target=some.right, args=(None, "x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [2]
