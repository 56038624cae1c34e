"""`chainsaw setup` shows what it would change."""

from __future__ import annotations

import pwd

import pytest

from chainsaw.errors import Exit


@pytest.fixture
def somebody():
    """An ordinary user of this host."""
    return next(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid)


def test_a_dry_run_changes_nothing(chainsaw, somebody):
    words = ("setup", "--user", somebody, "--driver", "overlay", "--dry-run", "--json")
    done = chainsaw(*words)
    assert (done.code, done.err) == (0, "")
    assert set(done.json["data"]) == {"user", "changes", "dry_run"}
    assert done.json["data"]["user"] == somebody
    assert done.json["data"]["dry_run"] is True
    assert done.json["data"]["changes"]
    assert chainsaw(*words).out == done.out


@pytest.mark.parametrize("blocks", ["many", "0", "-1", "+0", "1.5", "99999"])
def test_a_number_of_blocks_is_a_number(chainsaw, somebody, blocks):
    done = chainsaw("setup", "--user", somebody, "--blocks", blocks, "--dry-run", "--json")
    assert done.code == Exit.USAGE
    assert [item["code"] for item in done.json["diagnostics"]] == ["blocks"]


def test_another_storage_driver_is_wrong_usage(chainsaw):
    assert chainsaw("setup", "--driver", "btrfs").code == Exit.USAGE


def test_what_would_be_taken_back_is_shown_and_what_stays(chainsaw, somebody):
    done = chainsaw("setup", "--undo", "--user", somebody, "--dry-run", "--json")
    assert (done.code, done.err) == (0, "")
    assert set(done.json["data"]) == {"user", "changes", "kept", "dry_run"}
    assert done.json["data"]["dry_run"] is True


@pytest.mark.parametrize("option", [("--blocks", "32"), ("--blocks", "+1"), ("--driver", "overlay")])
def test_undo_takes_no_options_of_setup(chainsaw, somebody, option):
    done = chainsaw("setup", "--undo", "--user", somebody, "--dry-run", *option)
    assert done.code == Exit.USAGE
    assert done.err.startswith("error: --undo takes neither --blocks nor --driver\n")
