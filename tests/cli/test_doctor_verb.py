"""chainsaw doctor on a host where nothing is prepared."""

from __future__ import annotations

import pytest

from chainsaw.errors import Exit
from chainsaw.host import facts


@pytest.fixture(autouse=True)
def ordinary(monkeypatch):
    """Tests may run as root, which doctor refuses."""
    monkeypatch.setattr(facts, "is_root", lambda: False)


def test_the_keys_of_a_report(chainsaw):
    done = chainsaw("doctor", "--json")
    assert (done.code, done.json["exit"], done.json["command"]) == (3, 3, "doctor")
    assert set(done.json["data"]) == {"checks"}
    for check in done.json["data"]["checks"]:
        assert list(check) == ["name", "state", "found", "hint"]
        assert check["state"] in ("ok", "warn", "fail", "unknown")
    assert "fixed" in chainsaw("doctor", "--fix", "--json").json["data"]


def test_a_line_for_each_and_the_command_that_fixes_it(chainsaw):
    done = chainsaw("doctor")
    assert (done.code, done.err) == (3, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["state", "what", "found"]
    assert lines[-1].endswith("unknown")
    (storage,) = [line for line in lines if "storage driver" in line]
    assert storage.startswith("fail ")
    assert "-> sudo chainsaw setup --user " in storage


def test_what_was_fixed_is_reported(chainsaw, home):
    leftover = home / ".config/chainsaw/site.yaml.partial"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("timezo")
    done = chainsaw("doctor", "--fix")
    assert f"removed {leftover}" in done.out
    assert not leftover.exists()


def test_root_is_refused(chainsaw, monkeypatch):
    monkeypatch.setattr(facts, "is_root", lambda: True)
    done = chainsaw("doctor")
    assert done.code == Exit.USAGE
    assert "hint: chainsaw doctor, without sudo" in done.err
