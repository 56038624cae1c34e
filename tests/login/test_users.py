"""The file with the users."""

from __future__ import annotations

import json

import pytest
from chainsaw_login.users import UsersFile


def test_the_file_is_read_again_when_it_changes(site):
    file = UsersFile(site.directory / "users.json")
    assert file.read() is file.read()
    assert file.read().users["kim"].groups == ("board",)
    site.users["kim"]["groups"] = []
    site.write(probe="a" * 64)
    assert file.read().users["kim"].groups == ()
    assert file.read().probe == "a" * 64


def changed(**fields):
    return lambda users: users["users"]["kim"].update(fields)


@pytest.mark.parametrize(
    "damage",
    [
        lambda users: users.update(format=2),
        lambda users: users.update(users=[]),
        lambda users: users.update(probe=None),
        lambda users: users.update(probe="A" * 64),
        lambda users: users["users"].update(Kim=users["users"]["kim"]),
        lambda users: users["users"].update({"@board": users["users"]["kim"]}),
        lambda users: users["users"].update({"a,b": users["users"]["kim"]}),
        lambda users: users["users"].update({f"u{number}": users["users"]["kim"] for number in range(1000)}),
        lambda users: users["users"].update(kim=None),
        changed(password="plain"),
        changed(password=None),
        changed(password="$argon2id$v=19$m=1048576,t=4,p=1$Amqw53a8nU4TDHxtXkkusA$U+1rJnl0P4cQpdgSuF+ItQ"),
        changed(client="plain"),
        changed(groups="board"),
        changed(groups=["a\r\nb"]),
        changed(groups=["@board"]),
        changed(groups=[f"g{number}" for number in range(65)]),
        changed(totp="0189"),
        changed(totp="JBSWY3DP"),
        changed(totp=1),
        changed(changed=None),
        changed(changed=True),
        changed(changed="1"),
    ],
)
def test_a_wrong_file_is_logged_once_and_the_last_good_one_stays(site, browser, caplog, damage):
    assert browser.log_in().status == 303
    users = json.loads((site.directory / "users.json").read_text())
    damage(users)
    (site.directory / "users.json").write_text(json.dumps(users))
    assert browser.check().status == 204
    assert browser.check().status == 204
    assert [one.getMessage()[:23] for one in caplog.records if one.levelname == "ERROR"] == ["users.json is not used,"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b" " * (2 * 1024 * 1024 + 1)])
def test_a_file_that_is_none_is_not_used(site, browser, caplog, content):
    assert browser.log_in().status == 303
    (site.directory / "users.json").write_bytes(content)
    assert browser.check().status == 204
    assert "users.json is not used" in caplog.text


def test_without_a_file_nobody_may(site, browser, caplog):
    browser.log_in()
    (site.directory / "users.json").unlink()
    assert browser.check().status == 204
    site.sleep()
    assert browser.check().status == 401
    assert caplog.text.count("users.json is not used") == 2
    site.write()
    assert browser.check().status == 204


def test_a_thousand_users_are_read(site):
    site.users = {f"u{number}": site.user() for number in range(1000)}
    site.write()
    assert len(UsersFile(site.directory / "users.json").read().users) == 1000
