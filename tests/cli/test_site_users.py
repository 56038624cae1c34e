"""Users of the site: what is written, what is told, and what is refused."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters

from chainsaw.errors import ChainsawError
from chainsaw.host.store import users as store
from chainsaw.model.paths import Paths
from chainsaw.model.users import MOST, User, Users
from chainsaw.work.users import passwords
from chainsaw.work.users.users import KEPT

PROGRAM = Path(__file__).parents[2] / "quadlets/images/login/chainsaw_login/passwords.py"


@pytest.fixture(autouse=True)
def no_input(monkeypatch):
    """Nothing is piped in."""
    monkeypatch.setattr(sys, "stdin", None)


@pytest.fixture
def users_file(home):
    return home / ".local/share/chainsaw/logins/users.json"


def written(users_file):
    return json.loads(users_file.read_text())


@pytest.fixture
def typing(monkeypatch):
    """Return a function that pipes a text in."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_password_is_made_and_printed_once_and_kept_as_a_hash(chainsaw, users_file):
    shown = chainsaw("user", "add", "kim", "--group", "board", "--json").json["data"]
    assert shown["groups"] == ["board"]
    kim = written(users_file)["users"]["kim"]
    assert PasswordHasher().verify(kim["password"], shown["password"])
    assert shown["password"] not in users_file.read_text()
    assert users_file.stat().st_mode & 0o777 == 0o600
    assert chainsaw("user", "list").out.splitlines()[1].split()[:2] == ["kim", "board"]
    assert shown["password"] not in chainsaw("user", "list", "--json").out


def test_a_password_that_is_piped_in_is_not_printed(chainsaw, users_file, typing):
    typing("correct horse battery\n")
    shown = chainsaw("user", "add", "kim")
    assert "correct horse" not in shown.out + shown.err
    assert PasswordHasher().verify(written(users_file)["users"]["kim"]["password"], "correct horse battery")


def test_the_hash_costs_what_the_login_service_lets_it_cost():
    cost = extract_parameters(passwords.hash_of("correct horse"))
    text = PROGRAM.read_text()
    assert f"TIME_COST = {cost.time_cost}\n" in text
    assert f"MEMORY_KIB = {cost.memory_cost // 1024} * 1024\n" in text
    assert cost.parallelism == 1


def test_the_same_character_from_another_keyboard_is_the_same_password():
    assert PasswordHasher().verify(passwords.hash_of("cafe\u0301 au lait"), "caf\u00e9 au lait")


@pytest.mark.parametrize(
    "password", ["short", "x" * 257, "with\0zero byte", "with\ttab stops", "two lines\nof a script"]
)
def test_what_is_no_password_is_refused(password):
    with pytest.raises(ChainsawError) as caught:
        passwords.hash_of(password)
    assert [item.code for item in caught.value.diagnostics] == ["password"]
    assert password not in str(caught.value)


def test_without_argon2_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "argon2", None)
    with pytest.raises(ChainsawError) as caught:
        passwords.hash_of("correct horse")
    assert caught.value.diagnostics[0].hint == "sudo apt install python3-argon2"
    assert caught.value.diagnostics[0].code == "no-argon2"


def test_a_second_factor_is_shown_as_an_authenticator_takes_it(chainsaw, users_file):
    shown = chainsaw("user", "add", "kim", "--totp", "--json").json["data"]
    secret = written(users_file)["users"]["kim"]["totp"]
    assert shown["totp"] == f"otpauth://totp/chainsaw:kim?secret={secret}&issuer=chainsaw"
    assert chainsaw("user", "passwd", "kim").code == 0
    assert written(users_file)["users"]["kim"]["totp"] == secret
    chainsaw("user", "passwd", "kim", "--no-totp")
    assert written(users_file)["users"]["kim"]["totp"] is None


def test_another_password_ends_sessions_and_one_for_programs_does_not(chainsaw, users_file):
    chainsaw("user", "add", "kim")
    before = written(users_file)["users"]["kim"]
    chainsaw("user", "passwd", "kim", "--client")
    client = written(users_file)["users"]["kim"]
    assert (client["changed"], client["password"]) == (before["changed"], before["password"])
    assert client["client"] is not None
    ended = chainsaw("user", "passwd", "kim", "--no-client").out
    assert ended == "programs log in with the password of kim again; one that is at it may go on for a minute\n"
    assert written(users_file)["users"]["kim"] == {**client, "client": None}
    assert chainsaw("user", "passwd", "kim", "--no-client").out == "kim has no password for programs: nothing to do\n"
    assert "changes nothing else" in chainsaw("user", "passwd", "kim", "--no-client", "--totp").err
    chainsaw("user", "passwd", "kim", "--totp")
    chainsaw("user", "passwd", "kim", "--client")
    assert "cannot log in as kim any more" in chainsaw("user", "passwd", "kim", "--no-client").out
    chainsaw("user", "passwd", "kim")
    after = written(users_file)["users"]["kim"]
    assert after["changed"] > before["changed"]
    assert after["password"] != before["password"]


def test_groups_are_set_as_a_whole(chainsaw, users_file):
    chainsaw("user", "add", "kim", "--group", "board")
    assert chainsaw("user", "groups", "kim", "editors", "club").out == f"kim is in club, editors; {KEPT}\n"
    assert written(users_file)["users"]["kim"]["groups"] == ["club", "editors"]
    assert chainsaw("user", "groups", "kim").out == f"kim is in no group; {KEPT}\n"


def test_who_is_removed_is_gone(chainsaw, users_file):
    chainsaw("user", "add", "kim")
    assert chainsaw("user", "remove", "kim").out == "kim is removed; a session that is open may last a minute more\n"
    assert written(users_file)["users"] == {}
    assert chainsaw("user", "list").out.splitlines()[-1] == "there are no users: chainsaw user add NAME"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "kim"), "user-exists"),
        (("add", "board"), "user-and-group"),
        (("add", "ann", "--group", "kim"), "user-and-group"),
        (("groups", "kim", "kim"), "user-and-group"),
        (("add", "Kim", "--group", "@board"), "name"),
        (("remove", "kin"), "unknown-user"),
        (("passwd", "ann"), "unknown-user"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(chainsaw, users_file, words, code):
    chainsaw("user", "add", "kim", "--group", "board")
    before = users_file.read_bytes()
    failed = chainsaw("user", *words, "--json")
    assert {item["code"] for item in failed.json["diagnostics"]} == {code}
    assert users_file.read_bytes() == before


def test_there_are_as_many_users_as_the_login_service_takes(chainsaw, users_file):
    chainsaw("user", "add", "kim")
    known = Users.model_validate_json(users_file.read_text())
    every = {f"u{number}": User(password="x", changed=0) for number in range(MOST)}
    users_file.write_bytes(store.as_bytes(known.model_copy(update={"users": every})))
    assert [item["code"] for item in chainsaw("user", "add", "one", "--json").json["diagnostics"]] == ["users-full"]


def test_a_file_that_cannot_be_used_is_named(chainsaw, users_file):
    chainsaw("user", "add", "kim")
    users_file.write_text("{}x")
    failed = chainsaw("user", "add", "ann", "--json")
    assert [item["code"] for item in failed.json["diagnostics"]] == ["users"]
    assert users_file.read_text() == "{}x"


def test_chainsaws_own_word_is_a_file_of_its_own_and_only_its_hash_goes_on(chainsaw, users_file, home):
    chainsaw("user", "add", "kim")
    word = store.read_probe(Paths.of(str(home), {}))
    assert len(word) >= 40
    assert word not in users_file.read_text()
    chainsaw("user", "add", "ann")
    assert store.read_probe(Paths.of(str(home), {})) == word


def test_a_site_begins_without_users(home):
    assert store.read_users(Paths.of(str(home), {})) == Users()
