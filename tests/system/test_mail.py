"""Mail of applications reaches the mail server, and nothing else is reachable that way."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

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


# The admin is told

HOOK = f"https://{HOST}:8443/hooks/T0KEN-tiger"
TELL = f"{HOME}/tell"
ADDRESS, WEBHOOK, COMMAND = "mail to admin@localhost", "webhook alarm", f"command {TELL}"
NOTIFY = f"""\
admin: {{email: admin@localhost}}
mail: {{host: {HOST}, port: 587, user: kim, password: {{secret: smtp_password}}}}
notify:
  mail: admin
  webhook: {{url: {{secret: alarm}}}}
  command: [{TELL}, told]
  weekly: monday
"""
RECEIVER = """\
import http.server, os, ssl

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        document = self.rfile.read(int(self.headers["Content-Length"]))
        down = os.path.exists("/run/hook/down")
        if not down:
            with open("/run/hook/got", "ab") as file:
                file.write(self.path.encode() + b" " + document + b"\\n")
        self.send_response(500 if down else 200)
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 8443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/mail.crt", "/etc/mail.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
TRUST = """\
set -e
mkdir -p /run/hook
cat > /run/hook/receiver.py
cp /etc/mail.crt /usr/local/share/ca-certificates/hook.crt
update-ca-certificates
systemd-run --unit=hook python3 /run/hook/receiver.py
"""
DISTRUST = """\
systemctl stop hook
rm -rf /run/hook /usr/local/share/ca-certificates/hook.crt
update-ca-certificates --fresh
"""
PROGRAM = f"""\
#!/bin/sh
test -e {HOME}/down && {{ echo no such board >&2; exit 3; }}
{{ echo "$1: $CHAINSAW_SUBJECT"; cat; }} >> {HOME}/told
"""


@pytest.fixture(scope="module")
def told(machine: Machine, mirror: str, server: None) -> Iterator[None]:
    """Let the admin be told of what changes: by mail, by a webhook and by a command."""
    machine.root("sh", "-c", TRUST, stdin=RECEIVER)
    machine.write(TELL, PROGRAM)
    machine.admin("chmod", "+x", TELL)
    machine.write(f"{CONFIG}/site.yaml", NOTIFY)
    machine.admin("chainsaw", "secret", "set", "smtp_password", stdin=f"{PASSWORD}\n")
    yield
    machine.admin("rm", "-f", f"{CONFIG}/site.yaml", f"{DATA}/secrets/alarm", f"{DATA}/secrets/smtp_password", TELL)
    machine.chainsaw("apply")
    assert "chainsaw-notify.timer" not in machine.units("chainsaw-notify*")
    machine.root("sh", "-c", DISTRUST)


def look(machine: Machine, code: int | None = 0) -> None:
    """Look as often as it takes until something new counts; the timer may do so in between."""
    for _ in range(2):
        machine.chainsaw("notify", "send", code=code)


def letters(machine: Machine, subject: str) -> int:
    """Return how many letters have come into the admin's mailbox whose subject has these words."""
    found = machine.try_root("sh", "-c", f"cat {MAILBOX}/new/* | tr -d '\\r' | sed -z 's/\\n / /g'").out
    return sum(subject in line for line in found.splitlines() if line.startswith("Subject: "))


def documents(machine: Machine, subject: str) -> int:
    """Return how many documents with these words in their subject the webhook has."""
    lines = [line.partition(" ") for line in machine.root("sh", "-c", "cat /run/hook/got || true").splitlines()]
    assert {path for path, _, _ in lines} <= {"/hooks/T0KEN-tiger"}
    return sum(subject in json.loads(document)["subject"] for _, _, document in lines)


def everywhere(machine: Machine, subject: str) -> tuple[int, int, int]:
    """Return how many messages with these words in their subject came by mail, to the webhook, and to the command."""
    wait(lambda: letters(machine, subject) > 0, 10)
    said = machine.try_admin("cat", f"{HOME}/told").out
    heard = sum(line.startswith("told: ") and subject in line for line in said.splitlines())
    return letters(machine, subject), documents(machine, subject), heard


def test_a_secret_that_is_missing_is_asked_for_before_any_effect(machine: Machine, told: None) -> None:
    before = machine.generation()
    assert "notify needs the secret alarm, which is not set" in machine.chainsaw("apply", code=5).err
    assert machine.generation() == before
    machine.admin("chainsaw", "secret", "set", "alarm", stdin=f"{HOOK}\n")


def test_each_way_to_tell_the_admin_is_tried_with_what_it_answers(machine: Machine, told: None) -> None:
    done = machine.chainsaw("notify", "test").out.splitlines()
    assert re.fullmatch(rf"{ADDRESS}: 250 2\.0\.0 .*", done[0])
    assert done[1:] == [f"{WEBHOOK}: 200 OK", f"{COMMAND}: ended with 0", "next: chainsaw apply"]
    assert everywhere(machine, "a test of chainsaw") == (1, 1, 1)
    machine.chainsaw("apply")
    assert "active" in machine.admin("systemctl", "--user", "is-active", "chainsaw-notify.timer")


def test_what_is_down_and_what_is_up_again_is_told_once(machine: Machine, told: None) -> None:
    machine.admin("systemctl", "--user", "stop", "app@mirror.socket", "app@mirror.service")
    look(machine)
    assert everywhere(machine, "instance of mirror") == (1, 1, 1)
    machine.chainsaw("start", "mirror")
    look(machine)
    assert wait(lambda: letters(machine, "over") == 1, 10)
    machine.admin("systemctl", "--user", "start", "chainsaw-notify.service")
    assert everywhere(machine, "over") == (1, 1, 1)
    assert {row["state"] for row in rows(machine)} == {"ok"}


def rows(machine: Machine) -> list[dict[str, Any]]:
    """Return what the admin was told of the application."""
    found = machine.json("notify", "list", code=None)["data"]["conditions"]
    return [row for row in found if "mirror" in row["name"]]


def test_what_could_not_be_sent_is_told_later(machine: Machine, told: None) -> None:
    machine.root("systemctl", "stop", "opensmtpd")
    machine.root("touch", "/run/hook/down", f"{HOME}/down")
    try:
        done = machine.chainsaw("notify", "test", code=1).err
        assert f"{ADDRESS}: {HOST}:587: Connection refused" in done
        assert f"{WEBHOOK}: 500 Internal Server Error" in done
        assert f"{COMMAND}: ended with 3: no such board" in done
        machine.admin("systemctl", "--user", "stop", "app@mirror.socket", "app@mirror.service")
        look(machine, code=None)
        machine.admin("systemctl", "--user", "start", "chainsaw-notify.service")
        doctor = machine.chainsaw("doctor", code=3).out
        assert "notify of" in doctor
        assert "-> chainsaw notify test" in doctor
    finally:
        machine.root("rm", "/run/hook/down", f"{HOME}/down")
        machine.root("systemctl", "start", "opensmtpd")
    assert wait(lambda: machine.chainsaw("notify", "test", code=None).code == 0, 20)
    machine.chainsaw("notify", "send")
    assert everywhere(machine, "mirror")[1:] == (3, 3)
    assert wait(lambda: letters(machine, "mirror") == 3, 10)
    machine.chainsaw("start", "mirror")


def test_a_summary_comes_by_all_ways(machine: Machine, told: None) -> None:
    shown = machine.chainsaw("notify", "summary", "--send").out
    assert "mirror: running" in shown
    assert everywhere(machine, "this week") == (1, 1, 1)


def test_no_secret_of_the_messages_is_anywhere_else(machine: Machine, told: None) -> None:
    for word in ("T0KEN-tiger", PASSWORD):
        assert word not in machine.journal("--boot")
        for place in (f"{HOME}/.config", f"{HOME}/.local/state", f"{DATA}/systemd"):
            assert machine.try_root("grep", "-rl", word, place).out == ""
