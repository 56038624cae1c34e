"""Mail of applications reaches the mail server, and nothing else is reachable that way."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .machine import CONFIG, DATA, HOME, RECIPES, STATE, Machine, wait

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

SENDING = 'exit(mail("admin@localhost", "The summer", "Walks by the sea.") ? 0 : 1);'
MAILBOX = f"{HOME}/Maildir"
HOST = "smtp.example.test"
PASSWORD = "a very secret word"
URL = "https://postbox.localhost/"
SERVER = """\
pki mail cert "/etc/mail.crt"
pki mail key "/etc/mail.key"
table users file:/etc/mail.users
listen on lo port 25
listen on lo port 587 tls-require pki mail auth <users>
listen on lo port 465 smtps pki mail auth <users>
action "local" maildir
match from any for local action "local"
"""
PREPARE = f"""\
set -e
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy opensmtpd
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={HOST} \
    -addext subjectAltName=DNS:{HOST} -keyout /etc/mail.key -out /etc/mail.crt
echo "kim $(smtpctl encrypt '{PASSWORD}')" > /etc/mail.users
cat > /etc/smtpd.conf
echo "127.0.0.1 {HOST}" >> /etc/hosts
rm -rf {MAILBOX}
systemctl restart opensmtpd
"""
CLEAR = f"""\
apt-get purge -qy opensmtpd
rm -rf {MAILBOX} /etc/mail.* /etc/smtpd.conf
grep -v {HOST} /etc/hosts > /run/hosts && cat /run/hosts > /etc/hosts
"""


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[None]:
    """Let a mail server of Debian run on this host, which delivers to the admin; beyond port 25 it wants a login."""
    machine.root("sh", "-c", PREPARE, stdin=SERVER)
    machine.root("cp", "/etc/mail.crt", f"{RECIPES}/postbox/images/app/authority.crt")
    yield
    machine.root("sh", "-c", CLEAR)


def arrived(machine: Machine, subject: str) -> bool:
    """Return whether a letter comes into the admin's mailbox within a while."""
    return wait(lambda: machine.try_root("grep", "-rq", f"Subject: {subject}", MAILBOX).code == 0, 20)


@pytest.fixture(scope="module")
def mirror(machine: Machine, www: str, server: None) -> Iterator[str]:
    """Return an application whose mail the server on this host takes."""
    machine.declare("mirror", "mirror")
    machine.append("mirror", "mail: {host: localhost, port: 25, tls: none, sender: mirror@example.org}")
    machine.chainsaw("apply", "mirror")
    yield "mirror"
    machine.purge("mirror")


def test_mail_reaches_a_mail_server_without_a_network(machine: Machine, mirror: str) -> None:
    assert "Network=none" in machine.read(f"{STATE}/generations/current/quadlets/app@mirror.container")
    machine.inside("mirror.app", "php", "-r", SENDING)
    assert arrived(machine, "The summer")
    mail = machine.root("sh", "-c", f"cat {MAILBOX}/new/*")
    assert "Walks by the sea" in mail
    assert "mirror@example.org" in mail


def test_the_relay_stops_when_idle(machine: Machine, mirror: str) -> None:
    machine.admin("systemctl", "--user", "stop", "app@mirror.mail.service")
    machine.inside("mirror.app", "php", "-r", SENDING)
    assert machine.units("app@mirror.mail.*") != []


def test_another_mail_server_is_used_at_once_and_that_it_does_not_answer_is_said(machine: Machine, mirror: str) -> None:
    machine.inside("mirror.app", "php", "-r", SENDING)
    machine.chainsaw("config", "set", "mirror", "mail.port", "2601")
    machine.chainsaw("apply")
    try:
        assert machine.try_admin("podman", "exec", "mirror.app", "php", "-r", SENDING).code != 0
        said = r"mail +Failed to connect to remote host: Connection refused"
        assert wait(lambda: re.search(said, machine.chainsaw("logs", "mirror").out) is not None, 10)
        assert "Connection refused" in machine.chainsaw("status", "mirror", code=None).out
    finally:
        machine.chainsaw("config", "set", "mirror", "mail.port", "25")
        machine.chainsaw("apply")
    machine.inside("mirror.app", "php", "-r", SENDING)


@pytest.fixture
def postbox(machine: Machine, www: str, server: None) -> Iterator[None]:
    """Take the mail server's password as the site's, and all of it back afterwards."""
    machine.admin("chainsaw", "secret", "set", "smtp_password", stdin=f"{PASSWORD}\n")
    yield
    machine.purge("postbox")
    machine.admin("rm", "-f", f"{DATA}/secrets/smtp_password", f"{CONFIG}/site.yaml")


def login(port: int, tls: str, host: str = HOST) -> str:
    """Return what a site says of a mail server that wants a login."""
    return f"mail: {{host: {host}, port: {port}, tls: {tls}, user: kim, password: {{secret: smtp_password}}}}\n"


@pytest.mark.parametrize(("port", "tls"), [(587, "starttls"), (465, "tls")])
def test_mail_reaches_a_server_that_wants_tls_and_a_login(machine: Machine, postbox: None, port: int, tls: str) -> None:
    machine.write(f"{CONFIG}/site.yaml", login(port, tls))
    machine.declare("postbox", "postbox")
    machine.chainsaw("apply")
    assert machine.get(f"{URL}?subject={tls}").body == "sent of a letter"
    assert arrived(machine, tls)
    assert PASSWORD not in machine.journal("--boot")


def test_what_prevents_mail_stands_in_the_log(machine: Machine, postbox: None) -> None:
    machine.write(f"{CONFIG}/site.yaml", login(587, "starttls"))
    machine.declare("postbox", "postbox")
    machine.admin("chainsaw", "secret", "set", "smtp_password", stdin="not that word\n")
    machine.chainsaw("apply")
    assert machine.get(f"{URL}?subject=nobody").body == "nothing sent of a letter"
    assert wait(lambda: "authentication failed" in machine.chainsaw("logs", "postbox").out, 10)


def test_a_server_that_is_not_who_it_should_be_gets_neither_mail_nor_password(machine: Machine, postbox: None) -> None:
    machine.write(f"{CONFIG}/site.yaml", login(587, "starttls", host="localhost"))
    machine.declare("postbox", "postbox")
    machine.chainsaw("apply")
    assert machine.get(f"{URL}?subject=stranger").body == "nothing sent of a letter"
    assert wait(lambda: "certificate" in machine.chainsaw("logs", "postbox").out, 10)
    assert machine.try_root("grep", "-rq", "Subject: stranger", MAILBOX).code != 0


def test_a_password_that_nobody_has_set_is_asked_for_before_any_effect(machine: Machine, mirror: str) -> None:
    before = machine.generation()
    machine.write(
        f"{CONFIG}/site.yaml", "mail: {host: smtp.example.org, user: kim, password: {secret: smtp_password}}\n"
    )
    try:
        machine.declare("mirror", "mirror")
        done = machine.chainsaw("apply", code=5)
        assert "mirror needs the secret smtp_password, which is not set" in done.err
        assert "hint: chainsaw secret set smtp_password" in done.err
        assert machine.generation() == before
        machine.admin("chainsaw", "secret", "set", "smtp_password", stdin="a very secret word\n")
        machine.chainsaw("apply")
        assert machine.inside("mirror.app", "cat", "/run/secrets/smtp_password") == "a very secret word"
        machine.admin("chainsaw", "secret", "set", "smtp_password", stdin="another secret word\n")
        assert machine.inside("mirror.app", "cat", "/run/secrets/smtp_password") == "another secret word"
        for place in (f"{HOME}/.config", f"{HOME}/.local/state", f"{DATA}/systemd"):
            assert machine.try_root("grep", "-rl", "secret word", place).out == ""
    finally:
        machine.admin("rm", "-f", f"{CONFIG}/site.yaml")
        machine.chainsaw("apply")
