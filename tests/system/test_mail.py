"""Mail of applications reaches a mail server, over a way that leads nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import CONFIG, DATA, HOME, STATE, Machine, wait

pytestmark = pytest.mark.system

SENDING = 'exit(mail("admin@localhost", "The summer", "Walks by the sea.") ? 0 : 1);'
MAILBOX = f"{HOME}/Maildir"


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[None]:
    """Let a mail server of Debian run on this host, which delivers to the admin."""
    machine.root("sh", "-c", "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy opensmtpd")
    machine.root("sh", "-c", f"rm -rf {MAILBOX}; systemctl restart opensmtpd")
    yield
    machine.root("sh", "-c", f"apt-get purge -qy opensmtpd; rm -rf {MAILBOX}")


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
    assert wait(lambda: machine.try_root("grep", "-rq", "Walks by the sea", MAILBOX).code == 0, 20)
    mail = machine.root("sh", "-c", f"cat {MAILBOX}/new/*")
    assert "Subject: The summer" in mail
    assert "mirror@example.org" in mail


def test_the_way_ends_when_nobody_sends(machine: Machine, mirror: str) -> None:
    machine.admin("systemctl", "--user", "stop", "app@mirror.mail.service")
    machine.inside("mirror.app", "php", "-r", SENDING)
    assert machine.units("app@mirror.mail.*") != []


def test_a_password_that_nobody_has_set_is_asked_for_before_any_effect(machine: Machine, mirror: str) -> None:
    before = machine.generation()
    machine.write(
        f"{CONFIG}/site.yaml", "mail: {host: smtp.example.org, user: kim, password: {secret: smtp_password}}\n"
    )
    try:
        machine.declare("mirror", "mirror")
        done = machine.chainsaw("apply", code=5)
        assert "mirror needs the secret smtp_password, and nobody has set it" in done.err
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
