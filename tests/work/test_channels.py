"""Each way to tell the admin: what the other side gets, and what is said when it does not take it."""

from __future__ import annotations

import json
import os
import socketserver
import threading
import time
from email import message_from_string
from email.policy import default as modern
from pathlib import Path
from typing import ClassVar

import pytest
from receivers import pair_for, receiving

from chainsaw.host import command as programs
from chainsaw.host import letter, webhook
from chainsaw.host.letter import Letter, Server, hand_in
from chainsaw.host.mailbox import Mailbox
from chainsaw.host.webhook import Hook, check_url, post
from chainsaw.load.site import load_site
from chainsaw.work.notify.channels import channels_of, deliver
from chainsaw.work.notify.message import Message, one_line

SECRET = "T0KEN-tiger"
TEXT = "fail  instance of blog: failing\n      chainsaw status blog\n"


@pytest.fixture
def message():
    return Message("change", "node", "fail", "node: instance of blög: failing", TEXT, 1.8e9, {"changes": []})


@pytest.fixture
def secret(admin):
    """Return the function that stores a secret of the site."""

    def store(key, value):
        place = admin.own.parent.parent / ".local/share/chainsaw/secrets"
        place.mkdir(parents=True, exist_ok=True)
        (place / key).write_text(value)

    return store


@pytest.fixture
def sent(admin, message):
    """Return the function that sends a message on the channels of a site.yaml."""

    def send(text):
        channels = channels_of(admin.account, load_site("site.yaml", text))
        return deliver(channels, {item.name: message for item in channels})

    return send


# Mail

SITE = "admin: {{email: kim@example.org}}\nmail: {{host: localhost, port: {port}, tls: none}}\nnotify: {{mail: {to}}}\n"


def test_mail_goes_to_each_addressee_through_the_server_of_the_site(sent):
    with Mailbox() as server:
        found = sent(SITE.format(port=server.port, to="[admin, alex@example.org, kim@example.org]"))
    assert {name: (item.answer, item.problem) for name, item in found.items()} == {
        "mail to kim@example.org": ("250 kept", None),
        "mail to alex@example.org": ("250 kept", None),
    }
    letters = [message_from_string(text, policy=modern) for text in server.letters]
    assert {item["To"] for item in letters} == {"kim@example.org", "alex@example.org"}
    first = letters[0]
    assert (first["From"], first["Subject"]) == ("kim@example.org", "node: instance of blög: failing")
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"].endswith("@example.org>")
    assert first["Date"].datetime.tzinfo is not None
    assert first.get_content().replace("\r\n", "\n") == TEXT


@pytest.mark.parametrize("subject", ["a\nBcc: all@example.org", "a\r\nX: y", "a\x00b\u2028c", "ü" * 400])
def test_no_header_can_be_written_into_a_subject(subject):
    content = Letter("kim@example.org", "alex@example.org", one_line(subject), "text").encoded().decode()
    headers = content.partition("\r\n\r\n")[0]
    assert {line.partition(":")[0] for line in headers.split("\r\n") if not line.startswith(" ")} == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    }
    assert max(map(len, content.split("\r\n"))) < 998


def test_a_line_with_only_a_dot_does_not_end_a_letter():
    with Mailbox() as server:
        hand_in(Server("127.0.0.1", server.port, "none"), Letter("a@b.example", "c@d.example", "s", "one\n.\ntwo\n"))
    assert "two" in server.letters[0]


class Grumpy(socketserver.StreamRequestHandler):
    """A mail server that answers each command with what the test says, and goes away when that is nothing."""

    answers: ClassVar[dict[bytes, bytes]] = {}

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            answer = self.answers.get(verb, b"250 fine")
            if not answer:
                return
            self.wfile.write(answer + b"\r\n")
            if verb == b"DATA" and answer.startswith(b"354"):
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.wfile.write(self.answers.get(b".", b"250 kept") + b"\r\n")


@pytest.fixture
def grumpy():
    """Return the function that starts such a server and returns its port."""
    servers = []

    def start(**answers):
        handler = type("Handler", (Grumpy,), {"answers": {key.encode(): value for key, value in answers.items()}})
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"MAIL": b"451 later"}, "451 later"),
        ({"RCPT": b"550 no such user"}, "550 no such user"),
        ({"DATA": b"554 not you"}, "554 not you"),
        ({"DATA": b"354 go on", ".": b"552 too large"}, "552 too large"),
        ({"RCPT": b""}, "Connection unexpectedly closed"),
        ({"EHLO": b"502 what", "HELO": b"502 what"}, "502 what"),
    ],
)
def test_what_a_mail_server_refuses_is_said_in_its_words(grumpy, answers, said):
    port = grumpy(**answers)
    with pytest.raises(OSError, match=f"127.0.0.1:{port}: .*{said}"):
        hand_in(Server("127.0.0.1", port, "none"), Letter("a@b.example", "c@d.example", "s", "t"))


def test_a_server_that_took_the_letter_and_goes_away_has_it(grumpy):
    port = grumpy(DATA=b"354 go on", QUIT=b"")
    assert hand_in(Server("127.0.0.1", port, "none"), Letter("a@b.example", "c@d.example", "s", "t")) == "250 kept"


def test_a_server_without_tls_gets_neither_a_letter_nor_a_password(grumpy):
    port = grumpy()
    with pytest.raises(OSError, match="STARTTLS"):
        hand_in(Server("127.0.0.1", port, "starttls", "kim", SECRET), Letter("a@b.example", "c@d.example", "s", "t"))


def test_a_mail_server_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(letter, "PATIENCE", 0.2)
    silent = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    port = silent.server_address[1]
    with silent, pytest.raises(OSError, match="timed out"):
        hand_in(Server("127.0.0.1", port, "none"), Letter("a@b.example", "c@d.example", "s", "t"))


def test_that_nothing_listens_is_said_with_the_address(sent):
    (found,) = sent(SITE.format(port=9, to="admin")).values()
    assert found.problem.message == "mail to kim@example.org: localhost:9: Connection refused"


# Webhook

HOOK = "notify:\n  webhook: {url: {secret: alarm}, token: {secret: alarm_token}}\n"


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A certificate for localhost that this process trusts."""
    found = pair_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(found[0]))
    return found


def test_a_webhook_gets_a_document_with_its_version_over_tls(sent, secret, pair):
    with receiving(pair) as server:
        secret("alarm", f"https://localhost:{server.port}/hooks/{SECRET}?a=b")
        secret("alarm_token", "bear-er")
        assert sent(HOOK)["webhook alarm"].answer == "200 OK: ok"
    ((path, headers, content),) = server.got
    assert path == f"/hooks/{SECRET}?a=b"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer bear-er"
    assert json.loads(content) == {
        "format": 1,
        "kind": "change",
        "host": "node",
        "at": 1.8e9,
        "state": "fail",
        "subject": "node: instance of blög: failing",
        "text": TEXT,
        "changes": [],
    }


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_what_a_webhook_refuses_is_said_in_its_words_without_its_address(sent, secret, pair, status):
    with receiving(pair) as server:
        url = f"https://localhost:{server.port}/hooks/{SECRET}"
        secret("alarm", url)
        secret("alarm_token", "bear-er")
        server.status, server.body = status, f"no: {url} of /hooks/{SECRET} with bear-er".encode() * 10
        problem = sent(HOOK)["webhook alarm"].problem
    assert problem.message.startswith(f"webhook alarm: {status} ")
    assert SECRET not in problem.message
    assert "bear-er" not in problem.message


def test_a_redirect_is_not_followed(sent, secret, pair):
    with receiving(pair) as server, receiving() as other:
        server.status, server.headers = 307, {"Location": f"http://localhost:{other.port}/"}
        secret("alarm", f"https://localhost:{server.port}/{SECRET}")
        secret("alarm_token", "bear-er")
        problem = sent(HOOK)["webhook alarm"].problem
    assert "307 Temporary Redirect: a redirect, which is not followed" in problem.message
    assert (len(server.got), other.got) == (1, [])


def test_a_certificate_that_nobody_knows_gets_no_document(sent, secret, tmp_path):
    with receiving(pair_for("localhost", tmp_path)) as server:
        secret("alarm", f"https://localhost:{server.port}/{SECRET}")
        secret("alarm_token", "bear-er")
        problem = sent(HOOK)["webhook alarm"].problem
    assert "certificate verify failed" in problem.message
    assert server.got == []


def test_a_certificate_for_another_name_gets_no_document(tmp_path, monkeypatch):
    found = pair_for("other.example", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(found[0]))
    with receiving(found) as server, pytest.raises(OSError, match="not valid for 'localhost'"):
        post(Hook(f"https://localhost:{server.port}/"), b"{}")
    assert server.got == []


def test_without_tls_it_may_be_on_this_host_alone():
    with receiving() as server:
        assert post(Hook(f"http://127.0.0.1:{server.port}/"), b"{}") == "200 OK: ok"
    with pytest.raises(ValueError, match="does not start with https"):
        check_url("http://hooks.example.org/")


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example.org/x",
        "https:///x",
        "ftp://hooks.example.org/x",
        "https://kim:tiger@hooks.example.org/x",
        "https://hooks.example.org/x#y",
        "https://hooks.example.org/x y",
        "https://hooks.example.org/ü",
        "https://hooks.example.org:x/",
        "https://hooks.example.org:99999/",
        "https://[::1/",
        "https://hooks.example.org/\nHost: other",
        "http://localhost.example.org/",
        "",
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused_without_showing_it(sent, secret, url):
    secret("alarm", url)
    secret("alarm_token", "bear-er")
    problem = sent(HOOK)["webhook alarm"].problem
    assert problem.hint == "chainsaw secret set alarm"
    assert "the secret alarm " in problem.message
    assert not url or url not in problem.message


def test_a_secret_that_is_not_set_is_named(sent):
    problem = sent(HOOK)["webhook alarm"].problem
    assert (problem.code, problem.hint) == ("no-site-secret", "chainsaw secret set alarm")


def test_a_webhook_that_is_no_web_server_is_an_error(grumpy):
    with pytest.raises(OSError, match="no answer of HTTP"):
        post(Hook(f"http://127.0.0.1:{grumpy()}/"), b"{}")


def test_a_webhook_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(webhook, "PATIENCE", 0.2)
    silent = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
    with silent, pytest.raises(OSError, match="timed out"):
        post(Hook(f"http://127.0.0.1:{silent.server_address[1]}/"), b"{}")


# Command

PROGRAM = "#!/bin/sh\n"


@pytest.fixture
def program(tmp_path):
    """Return the function that writes a program and returns the site.yaml that names it."""

    def write(text, *words):
        place = tmp_path / "tell"
        place.write_text(PROGRAM + text)
        place.chmod(0o755)
        return f"notify: {{command: {json.dumps([str(place), *words])}}}\n"

    return write


def test_a_command_gets_the_text_and_an_environment_without_secrets(sent, program, tmp_path, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", SECRET)
    site = program(f'cat > {tmp_path}/got; env > {tmp_path}/env; pwd > {tmp_path}/cwd; echo "$1"\n', "a b; c")
    (found,) = sent(site).values()
    assert found.answer == "ended with 0: a b; c"
    assert (tmp_path / "got").read_text() == TEXT
    assert (tmp_path / "cwd").read_text().strip() == str(tmp_path / "home")
    environment = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert environment["CHAINSAW_SUBJECT"] == "node: instance of blög: failing"
    assert (environment["CHAINSAW_KIND"], environment["CHAINSAW_STATE"]) == ("change", "fail")
    assert set(environment) - {"PWD", "SHLVL", "_", "OLDPWD"} == {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "XDG_RUNTIME_DIR",
        "CHAINSAW_KIND",
        "CHAINSAW_STATE",
        "CHAINSAW_SUBJECT",
        "CHAINSAW_HOST",
    }


def test_a_command_that_fails_is_reported_with_what_it_said(sent, program):
    (found,) = sent(program("echo no such board >&2; exit 3\n")).values()
    assert found.problem.message.endswith("/tell: ended with 3: no such board")


def test_a_command_that_does_not_read_is_none_the_worse(sent, program):
    (found,) = sent(program("exit 0\n")).values()
    assert found.answer == "ended with 0"


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(sent, program, tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "PATIENCE", 0.5)
    (found,) = sent(program(f"echo looking; sleep 300 & echo $! > {tmp_path}/child; wait\n")).values()
    assert "did not end within 0.5 s, and was ended: looking" in found.problem.message
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not os.path.exists(f"/proc/{child}") or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("what it started still runs")


def test_what_a_command_leaves_running_does_not_hold_anybody_up(sent, program, tmp_path):
    (found,) = sent(program(f"sleep 5 & echo $! > {tmp_path}/child; echo done\n")).values()
    os.kill(int((tmp_path / "child").read_text()), 9)
    assert found.answer == "ended with 0: done"


def test_of_what_a_command_prints_the_end_is_kept(sent, program):
    (found,) = sent(program("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1\n")).values()
    assert found.problem.message.endswith("xxx the end")
    assert len(found.problem.message) < 600


def test_a_command_that_is_not_there_is_a_problem(sent):
    (found,) = sent("notify: {command: [/nowhere/tell]}\n").values()
    assert found.problem.message == "command /nowhere/tell: No such file or directory"


def test_all_ways_are_used_at_the_same_time_and_one_that_hangs_holds_up_no_other(admin, message, monkeypatch):
    from chainsaw.work.notify import channels

    monkeypatch.setattr(channels, "PATIENCE", 0.5)
    stuck = threading.Event()
    slow = channels.Channel("slow", lambda _: str(stuck.wait(60)))
    quick = channels.Channel("quick", lambda _: "done")
    found = deliver((slow, quick), {"slow": message, "quick": message})
    stuck.set()
    assert found["quick"].answer == "done"
    assert found["slow"].problem.message == "slow: no answer within 0.5 s"
