#!/usr/bin/python3
"""Try the ACME client with Debian's pebble on loopback: `authority.py [NAME…]` runs scenarios, each in a directory.

It prints one line of JSON for each: its name, the seconds it took, and what was wrong, or nothing. With PEBBLE_BIN
the programs are from that directory. It needs chainsaw, python3-acme, pebble and curl, and nothing of the tests.
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from chainsaw.host import certificates
from chainsaw.host.acme import chain, network, transport
from chainsaw.host.acme.account import Authority
from chainsaw.host.acme.attempt import Job, Setup, ask_again, attempt
from chainsaw.host.acme.challenge import WELL_KNOWN, Challenger, HttpChallenger
from chainsaw.host.acme.dns import ACME_SH, DnsChallenger, DnsHook
from chainsaw.host.acme.failure import AcmeError
from chainsaw.host.acme.order import Wanted, obtain
from chainsaw.host.acme.pending import FileKeeper
from chainsaw.host.acme.session import Clock, Session, open_session
from chainsaw.host.acme.window import ask_window
from chainsaw.model import directories
from chainsaw.model.renewal import DAY, MINUTE, Failure, Kind, Ledger, next_attempt

BIN = os.environ.get("PEBBLE_BIN", "/usr/bin")
KEY_ID, OTHER_ID, HMAC_KEY = "kid-1", "kid-2", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
HOOK = """
dns_loop_add() { _tell set-txt "{\\"host\\": \\"$1.\\", \\"value\\": \\"$2\\"}"; }
dns_loop_rm() { _tell clear-txt "{\\"host\\": \\"$1.\\"}"; }
_tell() {
    [ "$LOOP_TOKEN" = "a secret" ] || { echo "the token $LOOP_TOKEN is wrong" >&2; return 1; }
    curl -fsS -d "$2" "$LOOP_URL/$1" > /dev/null
}
"""


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until something listens on a port."""
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}")


@dataclass
class Rule:
    """An answer of the stub instead of the authority's, for so many requests whose path matches."""

    path: str
    status: int
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1000
    method: str = ""
    trickle: float = 0.0


class Stub:
    """What stands in front of pebble: it writes down what passes, and answers by itself where a rule says so."""

    def __init__(self, target: int, tls: ssl.SSLContext, trusted: ssl.SSLContext) -> None:
        """Listen on a free port, over TLS."""
        self.target, self.trusted = target, trusted
        self.rules: list[Rule] = []
        self.seen: list[tuple[str, str, Any]] = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Passing, self))
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The directory's URL."""
        return f"https://localhost:{self.port}/dir"

    def orders(self) -> list[dict[str, Any]]:
        """Return the payloads of the orders that passed."""
        return [payload for method, path, payload in self.seen if method == "POST" and path == "/order-plz"]

    def rule_for(self, method: str, path: str) -> Rule | None:
        """Return what to answer instead of the authority."""
        for rule in self.rules:
            if rule.times > 0 and re.search(rule.path, path) and rule.method in ("", method):
                rule.times -= 1
                return rule
        return None


class Passing(http.server.BaseHTTPRequestHandler):
    """One connection to the stub."""

    protocol_version = "HTTP/1.1"

    def __init__(self, stub: Stub, *words: Any) -> None:
        """Take the stub that it belongs to."""
        self.stub = stub
        super().__init__(*words)

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002  # the name is http.server's
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer, or pass on."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.stub.seen.append((self.command, self.path, payload_of(body)))
        rule = self.stub.rule_for(self.command, self.path)
        if rule is not None:
            headers = {"Content-Type": "application/problem+json", **rule.headers}
            self.answer(rule.status, headers, rule.body.encode(), rule.trickle)
            return
        connection = http.client.HTTPSConnection("localhost", self.stub.target, context=self.stub.trusted, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        dropped = ("transfer-encoding", "content-length", "connection")
        passed = {name: value for name, value in answer.getheaders() if name.lower() not in dropped}
        self.answer(answer.status, passed, answer.read())

    do_POST = do_HEAD = do_GET  # noqa: N815  # the names are http.server's

    def answer(self, status: int, headers: dict[str, str], body: bytes, trickle: float = 0.0) -> None:
        """Send an answer, one byte at a time when it trickles."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            for piece in [body[at : at + 1] for at in range(len(body))] if trickle else [body]:
                self.wfile.write(piece)
                time.sleep(trickle)


def payload_of(body: bytes) -> Any:
    """Return what a signed request has inside."""
    try:
        text = json.loads(body)["payload"]
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) or "null")
    except (ValueError, KeyError, TypeError):
        return None


class World:
    """A pebble, its name server, the web server of the host, the stub, and the directories of a client."""

    def __init__(self, place: Path, settings: dict[str, Any] | None = None, **environment: str) -> None:
        """Start all of them below a directory."""
        self.place, self.settings, self.environment = place, settings or {}, environment
        self.processes: list[subprocess.Popen[bytes]] = []
        self.web = place / "web"
        self.web.mkdir(parents=True)
        certificates.make_authority(str(place / "tls"), "loopback")
        shown = certificates.issue(str(place / "tls"), "localhost")
        (place / "tls/cert.pem").write_bytes(shown.chain)
        (place / "tls/key.pem").write_bytes(shown.key)
        self.ca = str(place / "tls/ca.pem")
        self.port, self.dns, self.manage, self.http = (free_port() for _ in range(4))
        self.log = open(place / "log", "wb")  # noqa: SIM115  # it lasts as long as the programs
        self.start_names()
        self.start_authority()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(place / "tls/cert.pem", place / "tls/key.pem")
        self.stub = Stub(self.port, tls, ssl.create_default_context(cafile=self.ca))
        handler = partial(Quiet, directory=str(self.web))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.http), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.progress: list[str] = []

    def start_names(self) -> None:
        """Start the name server: every name is this host."""
        known = subprocess.run([f"{BIN}/pebble-challtestsrv", "-h"], check=False, capture_output=True).stderr
        # The option was renamed after 2.6.0.
        option = "dnsserver" if b"-dnsserver" in known else "dns01"
        every = {option: f"127.0.0.1:{self.dns}", "management": f"127.0.0.1:{self.manage}"}
        off = {"http01": "", "https01": "", "tlsalpn01": "", "doh": "", "defaultIPv4": "127.0.0.1", "defaultIPv6": ""}
        self.run("pebble-challtestsrv", *(f"-{name}={value}" for name, value in {**every, **off}.items()))
        wait_for(self.manage)

    def start_authority(self) -> None:
        """Start pebble, which knows nothing then."""
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{free_port()}",
            "certificate": str(self.place / "tls/cert.pem"),
            "privateKey": str(self.place / "tls/key.pem"),
            "httpPort": self.http,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "domainBlocklist": ["blocked.example"],
            "retryAfter": {"authz": 1, "order": 1},
            "certificateValidityPeriod": 90 * 86400,
            **self.settings,
        }
        (self.place / "pebble.json").write_text(json.dumps({"pebble": config}))
        self.authority = self.run(
            "pebble", "-config", str(self.place / "pebble.json"), "-dnsserver", f"127.0.0.1:{self.dns}"
        )
        wait_for(self.port)

    def run(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        """Start a program that ends with this one."""
        environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
        process = subprocess.Popen(
            [f"{BIN}/{program}", *words],
            env={**os.environ, **environment, **self.environment},
            stdout=self.log,
            stderr=self.log,
            cwd=self.place,
        )
        self.processes.append(process)
        return process

    def stop_authority(self) -> None:
        """End pebble, and with it all that it knows."""
        self.authority.kill()
        self.authority.wait()

    def tell_names(self, what: str, **words: Any) -> None:
        """Tell the name server something."""
        url = f"http://127.0.0.1:{self.manage}/{what}"
        urllib.request.urlopen(url, json.dumps(words).encode(), timeout=10).read()

    def at(self, **words: str) -> Authority:
        """Return how the client reaches the stub."""
        return Authority(self.stub.url, self.ca, **words)

    def open(self, authority: Authority | None = None, clock: Clock | None = None) -> Session:
        """Open a session."""
        return open_session(authority or self.at(), str(self.place / "accounts"), self.progress.append, clock)

    def keeper(self, name: str = "a.example") -> FileKeeper:
        """Return where the order of a host is kept."""
        return FileKeeper(str(self.place / f"pending/{name}.json"))

    def obtain(self, *names: str, session: Session | None = None, **words: Any) -> chain.Obtained:
        """Obtain a certificate and be done with the order."""
        names = names or ("a.example",)
        keeper = self.keeper(names[0])
        ways = [HttpChallenger(str(self.web))]
        found = obtain(session or self.open(), Wanted(names, **words), ways, keeper, patience=60)
        keeper.clear()
        return found

    def end(self) -> None:
        """End everything."""
        for process in self.processes:
            process.kill()
            process.wait()
        self.server.shutdown()
        self.stub.server.shutdown()
        self.log.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """The web server of the host."""

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002  # the name is http.server's
        """Say nothing."""


@contextmanager
def world(place: Path, settings: dict[str, Any] | None = None, **environment: str) -> Iterator[World]:
    """Have a world for a while."""
    made = World(place, settings, **environment)
    try:
        yield made
    finally:
        made.end()


@contextmanager
def fails(kind: Kind, text: str = "") -> Iterator[list[AcmeError]]:
    """Expect an error of a kind that says something."""
    caught: list[AcmeError] = []
    try:
        yield caught
    except AcmeError as error:
        caught.append(error)
    assert caught, f"it did not fail of {kind}"
    assert (caught[0].kind, text in str(caught[0])) == (kind, True), f"{caught[0].kind}: {caught[0]}"


def mode(path: str | Path) -> int:
    """Return the mode of a file."""
    return os.stat(path).st_mode & 0o777


# Scenarios


def issue(place: Path) -> None:
    """A certificate is issued; keys are for the admin alone, and the order is kept before the challenge is answered."""
    with world(place) as it:
        kept: list[str] = []

        class Watching(HttpChallenger):
            def settle(self) -> None:
                pending = it.keeper().read()
                assert pending is not None
                assert mode(it.keeper().path) == 0o600
                files = list((it.web / WELL_KNOWN).iterdir())
                assert {mode(file) for file in files} == {0o644}
                kept.extend(file.name for file in files)

        names = ("a.example", "www.a.example")
        found = obtain(it.open(it.at(contact="kim@a.example")), Wanted(names), [Watching(str(it.web))], it.keeper())
        assert len(kept) == 2
        assert not list((it.web / WELL_KNOWN).iterdir())
        assert abs(found.ahead) < 5
        assert abs(found.not_after - time.time() - 90 * DAY) < DAY
        assert found.key.startswith(b"-----BEGIN PRIVATE KEY-----")
        assert found.certificate == chain.certificate_id(found.chain)
        account = next((place / "accounts").iterdir())
        assert {mode(file) for file in account.iterdir()} == {0o600}
        assert mode(account) == 0o700
        assert found.key != it.obtain("b.example").key


def replaces(place: Path) -> None:
    """A renewal says what it replaces; said twice it is refused and ordered without."""
    with world(place) as it:
        first = it.obtain()
        second = it.obtain(in_use=first.chain, issued_by=it.stub.url)
        third = it.obtain(in_use=first.chain, issued_by=it.stub.url)
        told = [order.get("replaces") for order in it.stub.orders()]
        assert told == [None, first.certificate, first.certificate, None], told
        assert any("as a renewal" in line for line in it.progress), it.progress
        assert len({first.certificate, second.certificate, third.certificate}) == 3


def foreign(place: Path) -> None:
    """A certificate of another authority is not named, or refused and ordered without."""
    with world(place) as it:
        other = certificates.issue(str(place / "tls"), "a.example").chain
        it.obtain(in_use=other, issued_by="https://other.example/dir")
        it.obtain(in_use=other, issued_by=it.stub.url)
        told = [order.get("replaces") for order in it.stub.orders()]
        assert told == [None, chain.certificate_id(other), None], told


def nonces(place: Path, percent: str) -> None:
    """Whatever share of nonces is refused, certificates are issued."""
    with world(place, PEBBLE_WFE_NONCEREJECT=percent) as it:
        for number in range(3):
            it.obtain(f"n{number}.example")


def windows(place: Path) -> None:
    """The renewal window is told; when it is not, nothing happens."""
    with world(place) as it:
        found = it.obtain()
        window = ask_window(it.open(), found.chain)
        assert window is not None
        assert window.certificate == found.certificate
        assert found.not_before < window.start < window.end < found.not_after
        assert abs(window.ask_again - time.time() - 6 * 3600) < 60, window
        for rule in (Rule("/draft|renewal", 503), Rule("/draft|renewal", 200, "[1]"), Rule("/draft|renewal", 404)):
            it.stub.rules = [replace(rule)]
            assert ask_window(it.open(), found.chain) is None
        for start, end in (("x", "y"), ("2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z"), (1, 2)):
            body = json.dumps({"suggestedWindow": {"start": start, "end": end}})
            it.stub.rules = [Rule("/draft|renewal", 200, body)]
            assert ask_window(it.open(), found.chain) is None
        body = json.dumps(
            {
                "suggestedWindow": {"start": "2020-01-02T00:00:00.123456789Z", "end": "2020-01-03T00:00:00+01:00"},
                "explanationURL": "https://a.example/\u001b[31m",
            }
        )
        it.stub.rules = [Rule("/draft|renewal", 200, body, {"Retry-After": "1"})]
        window = ask_window(it.open(), found.chain)
        assert window is not None
        assert window.explanation == "https://a.example/ [31m", window
        assert abs(window.ask_again - time.time() - MINUTE) < 5


def down(place: Path) -> None:
    """An authority that is not there, not trusted or no authority is told apart."""
    with world(place) as it:
        with fails(Kind.NO_NETWORK, "Connection refused"):
            it.open(Authority(f"https://localhost:{free_port()}/dir", it.ca))
        with fails(Kind.NO_NETWORK, "cannot be reached"):
            it.open(Authority("https://nowhere.invalid/dir"))
        with fails(Kind.NO_NETWORK, "is not accepted"):
            it.open(Authority(it.stub.url))
        with fails(Kind.SERVER, "no address with https"):
            it.open(Authority("http://localhost/dir"))
        with fails(Kind.SETTINGS, "no certificate"):
            it.open(Authority(it.stub.url, "/dev/null"))
        for body in ("[]", "{}", "<html>", '{"newNonce": 1, "newAccount": 2, "newOrder": 3}'):
            it.stub.rules = [Rule("/dir", 200, body)]
            with fails(Kind.SERVER):
                it.open()
        it.stub.rules = [Rule("/dir", 502, "<html>Bad gateway")]
        with fails(Kind.SERVER, "502"):
            it.open()
        it.stub.rules = [Rule("/dir", 200, "x" * (transport.LARGEST_ANSWER + 1))]
        with fails(Kind.SERVER, "larger"):
            it.open()
        it.stub.rules = [Rule("/dir", 200, " " * 100, trickle=0.1)]
        transport.REQUEST_SECONDS = 1.0
        with fails(Kind.TIMEOUT, "in time"):
            it.open()


def limits(place: Path) -> None:
    """What an authority asks to wait is waited when it is short, and passed on when it is long."""
    with world(place) as it:
        problem = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many \u202e\u001b[1m certificates"}
        it.stub.rules = [Rule("/order-plz", 429, json.dumps(problem), {"Retry-After": "7200"})]
        with fails(Kind.RATE_LIMITED, "too many [1m certificates") as caught:
            it.obtain()
        assert caught[0].wait == 7200
        until = formatdate(time.time() + 3600, usegmt=True)
        it.stub.rules = [Rule("/order-plz", 503, "<html>busy", {"Retry-After": until})]
        with fails(Kind.SERVER, "busy") as caught:
            it.obtain()
        assert 3500 < (caught[0].wait or 0) <= 3600
        failed = caught[0].failure(time.time(), it.stub.url)
        ledger = Ledger(host="a.example", failures=(failed,), failed=1)
        assert 3500 < next_attempt(ledger, time.time()) - time.time() <= 3600
        it.stub.rules = [Rule("/dir", 503, "{}", {"Retry-After": "1"}, times=1)]
        it.obtain()
        it.stub.rules = [Rule("/order-plz", 429, json.dumps(problem), {"Retry-After": "1"}, times=2)]
        it.obtain()
        it.stub.rules = [Rule("/my-order|/authZ", 503, "<html>", {"Retry-After": "1"}, times=2)]
        it.obtain()


def keys(place: Path) -> None:
    """An account key that cannot be used is told; an RSA key that is there is used; a weak one is refused."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    def put(key: Any) -> None:
        encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        path = Path(it.open().place.key)
        path.write_bytes(key.private_bytes(encoding, kind, serialization.NoEncryption()))

    with world(place) as it:
        it.open()
        problem = {"type": "urn:ietf:params:acme:error:badPublicKey", "detail": "this key is weak"}
        it.stub.rules = [Rule("/sign-me-up", 400, json.dumps(problem))]
        with fails(Kind.REFUSED, "this key is weak"):
            it.obtain()
        it.stub.rules = []
        it.obtain()
        put(rsa.generate_private_key(65537, 2048))
        it.obtain()
        put(ed25519.Ed25519PrivateKey.generate())
        with fails(Kind.SETTINGS, "ECDSA P-256 or RSA"):
            it.open()
    with world(place / "two") as it:
        put(ec.generate_private_key(ec.SECP384R1()))
        with fails(Kind.SETTINGS, "ECDSA P-256 or RSA"):
            it.open()
    with world(place / "three") as it:
        Path(it.open().place.key).write_text("no key")
        with fails(Kind.SETTINGS, "PEM"):
            it.open()


BINDING = {
    "externalAccountBindingRequired": True,
    "externalAccountMACKeys": {KEY_ID: HMAC_KEY, OTHER_ID: HMAC_KEY.swapcase()},
}


def bindings(place: Path) -> None:
    """Two external accounts at one directory stay two; what one has ordered is not gone on with by the other."""
    with world(place, BINDING) as it:
        mine, other = it.at(key_id=KEY_ID, hmac_key=HMAC_KEY), it.at(key_id=OTHER_ID, hmac_key=HMAC_KEY.swapcase())
        first = it.obtain(session=it.open(mine))
        it.stub.rules = [Rule("/finalize-order", 503, "<html>")]
        with fails(Kind.SERVER):
            it.obtain(session=it.open(mine))
        it.stub.rules = []
        second = it.obtain(session=it.open(other), in_use=first.chain, issued_by=it.stub.url)
        assert second.certificate != first.certificate
        registered = {json.loads(Path(it.open(one).place.record).read_text())["uri"] for one in (mine, other)}
        assert len(registered) == 2


def binding(place: Path) -> None:
    """An authority that wants an external account gets it, or says so."""
    with world(place, BINDING) as it:
        with fails(Kind.SETTINGS, "key id"):
            it.obtain()
        with fails(Kind.SETTINGS, "base64url"):
            it.obtain(session=it.open(it.at(key_id=KEY_ID, hmac_key="%%%")))
        with fails(Kind.UNAUTHORIZED):
            it.obtain(session=it.open(it.at(key_id=KEY_ID, hmac_key=HMAC_KEY[::-1])))
        bound = it.at(key_id=KEY_ID, hmac_key=HMAC_KEY)
        it.obtain(session=it.open(bound))
        it.obtain(session=it.open(bound))
        Path(it.open(bound).place.record).unlink()
        it.obtain(session=it.open(bound))
        with fails(Kind.SETTINGS, "key id"):
            it.obtain()


def reset(place: Path) -> None:
    """An authority that has forgotten everything gets a new account, and a new order."""
    with world(place) as it:
        first = it.obtain()
        session = it.open()
        it.stub.rules = [Rule("/finalize-order", 503, "<html>")]
        with fails(Kind.SERVER):
            it.obtain(in_use=first.chain, issued_by=it.stub.url)
        assert it.keeper().read() is not None
        it.stop_authority()
        it.start_authority()
        it.stub.rules = []
        second = it.obtain(in_use=first.chain, issued_by=it.stub.url, session=session)
        assert second.certificate != first.certificate
        assert any("registered again" in line for line in it.progress), it.progress


def expired(place: Path) -> None:
    """An open order whose time is over, or that is of other names, is not gone on with."""
    told = {"status": "pending", "expires": "2020-01-01T00:00:00Z", "authorizations": [], "finalize": "https://x"}
    with world(place) as it:
        for change in ({}, {"status": "invalid", "expires": None}):
            it.stub.rules = [Rule("/finalize-order", 503, "<html>")]
            with fails(Kind.SERVER):
                it.obtain()
            before = len(it.stub.orders())
            it.stub.rules = [Rule("/my-order", 200, json.dumps({**told, **change}), times=1)]
            it.obtain()
            assert len(it.stub.orders()) == before + 1
        it.stub.rules = [Rule("/finalize-order", 503, "<html>")]
        with fails(Kind.SERVER):
            it.obtain()
        it.stub.rules = []
        it.obtain("a.example", "b.example")
        assert len(it.stub.orders()[-1]["identifiers"]) == 2


def contacts(place: Path) -> None:
    """Another contact is told to the authority, once."""
    with world(place) as it:
        it.obtain(session=it.open(it.at(contact="kim@a.example")))
        it.obtain(session=it.open(it.at(contact="robin@a.example")))
        told = [payload["contact"][0] for _, _, payload in it.stub.seen if payload and payload.get("contact")]
        assert list(dict.fromkeys(told)) == ["mailto:kim@a.example", "mailto:robin@a.example"], told
        assert told[-1] == "mailto:robin@a.example"
        before = len(it.stub.seen)
        it.obtain(session=it.open(it.at(contact="robin@a.example")))
        assert not any(path == "/sign-me-up" for _, path, _ in it.stub.seen[before:])


def refusals(place: Path) -> None:
    """What an authority says of each name comes out with the name, and the order is not tried again."""
    # 2.6.0 has no profiles, offers none, and takes any: what it should offer is put into its directory below.
    profiles = {"tlsserver": {"description": "https://a.example/docs", "validityPeriod": 45 * 86400}}
    with world(place, {"profiles": profiles}) as it:
        with fails(Kind.REFUSED, "blocked.example"):
            it.obtain("blocked.example")
        empty = [HttpChallenger(str(place / "elsewhere"))]
        with fails(Kind.UNAUTHORIZED, "404") as caught:
            obtain(it.open(), Wanted(("a.example", "b.example")), empty, it.keeper())
        assert {item.identifier for item in caught[0].said} == {"a.example", "b.example"}, caught[0].said
        assert it.keeper().read() is None
        it.tell_names("set-servfail", host="c.example.")
        with fails(Kind.CONNECTION, "could not resolve") as caught:
            it.obtain("c.example")
        assert caught[0].said[0].identifier == "c.example"
        it.tell_names("add-a", host="d.example.", addresses=["127.0.0.9"])
        with fails(Kind.CONNECTION, "d.example"):
            it.obtain("d.example")
        with fails(Kind.SETTINGS, "no profile 'short'; it offers: "):
            it.obtain(profile="short")
        with fails(Kind.SETTINGS, "offers the challenges dns-01"):
            it.obtain("*.a.example")
        offered = json.loads(read(it, it.stub.url))
        offered["meta"]["profiles"] = {"tlsserver": "https://a.example/docs"}
        it.stub.rules = [Rule("/dir", 200, json.dumps(offered))]
        with fails(Kind.SETTINGS, "tlsserver (https://a.example/docs)"):
            it.obtain(profile="short")
        it.obtain(profile="tlsserver")
        assert it.stub.orders()[-1]["profile"] == "tlsserver"


def read(it: World, url: str) -> str:
    """Return the text at an address of the stub."""
    context = ssl.create_default_context(cafile=it.ca)
    text: str = urllib.request.urlopen(url, timeout=10, context=context).read().decode()
    return text


def addresses(place: Path) -> None:
    """A certificate for an IP address is issued."""
    with world(place) as it:
        assert it.obtain("127.0.0.1").certificate


def unknown(place: Path) -> None:
    """Challenges that are not known are passed over; answers that are not understood are told."""
    with world(place) as it:
        extra = {"type": "dns-persist-01", "url": "https://localhost/x", "status": "pending", "token": 7}

        def with_extra(handler: Any, status: int, headers: dict[str, str], body: bytes, trickle: float = 0.0) -> None:
            if "/authZ" in handler.path and b'"challenges"' in body:
                told = json.loads(body)
                told["challenges"].insert(0, extra)
                body = json.dumps(told).encode()
            answer(handler, status, headers, body, trickle)

        answer = Passing.answer
        with mock.patch.object(Passing, "answer", with_extra):
            it.obtain()
        for body in ("[]", '{"status": "odd", "authorizations": [], "finalize": ""}', "nothing"):
            it.stub.rules = [Rule("/order-plz", 201, body, {"Location": f"{it.stub.url}/1", "Replay-Nonce": "AAAA"})]
            with fails(Kind.SERVER):
                it.obtain("b.example")
        it.stub.rules = [Rule("/certZ", 200, "no certificate", {"Content-Type": "text/plain"})]
        with fails(Kind.MALFORMED, "well-formed"):
            it.obtain("c.example")
        assert it.keeper("c.example").read() is None
        other = certificates.issue(str(place / "tls"), "d.example").chain.decode()
        it.stub.rules = [Rule("/certZ", 200, other)]
        with fails(Kind.MALFORMED, "another key"):
            it.obtain("d.example")


def clocks(place: Path) -> None:
    """A clock that is a year off prevents nothing, and is told."""
    with world(place) as it:
        for days in (365, -365):
            clock = Clock(now=lambda days=days: time.time() + days * DAY)  # type: ignore[misc]  # a default argument
            found = it.obtain(session=it.open(clock=clock))
            assert abs(found.ahead - days * DAY) < 60, found.ahead
            window = ask_window(it.open(clock=clock), found.chain)
            assert window is not None
            assert abs(window.ahead - days * DAY) < 60


def names(place: Path) -> None:
    """DNS-01 with a script of the interface of acme.sh, for a wildcard too; its credentials are told nobody."""
    with world(place) as it:
        script, secrets = place / "dns_loop.sh", place / "credentials"
        script.write_text(HOOK)
        secrets.write_text(f"# of the loop\nLOOP_URL=http://127.0.0.1:{it.manage}\nexport LOOP_TOKEN='a secret'\n")
        hook = DnsHook(str(script), str(secrets), settle=1.0, servers=(f"127.0.0.1:{it.dns}",))
        secrets.chmod(0o644)
        way = DnsChallenger(hook, it.progress.append)
        with fails(Kind.SETTINGS, "chmod 600"):
            obtain(it.open(), Wanted(("a.example",)), [way], it.keeper())
        secrets.chmod(0o600)
        found = obtain(it.open(), Wanted(("*.a.example", "a.example")), [way], it.keeper(), 60)
        it.keeper().clear()
        assert found.certificate
        secrets.write_text(f"LOOP_URL=http://127.0.0.1:{it.manage}\nLOOP_TOKEN=another\n")
        with fails(Kind.DNS, "the token … is wrong"):
            obtain(it.open(), Wanted(("b.example",)), [way], it.keeper("b"), 60)
        mixed: dict[str, Challenger] = {"*.c.example": way, "d.example": HttpChallenger(str(it.web))}
        secrets.write_text(f"LOOP_URL=http://127.0.0.1:{it.manage}\nLOOP_TOKEN=a secret\n")
        assert obtain(it.open(), Wanted(("*.c.example", "d.example")), mixed, it.keeper("c"), 60).certificate


def providers(place: Path) -> None:
    """A script of Debian's acme.sh runs as it is, and keeps nothing: dns_acmeproxy, whose provider is played here."""
    acme_sh = os.environ.get("ACME_SH", ACME_SH)
    if not os.path.exists(acme_sh):
        return
    with world(place) as it:
        told: list[tuple[str, Any]] = []

        class Provider(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *words: Any) -> None:  # noqa: A002  # the name is http.server's
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                told.append((self.path, body))
                name = body["fqdn"].rstrip(".") + "."
                if self.path.endswith("present"):
                    it.tell_names("set-txt", host=name, value=body["value"])
                else:
                    it.tell_names("clear-txt", host=name)
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        secrets = place / "credentials"
        secrets.write_text(f"ACMEPROXY_ENDPOINT=http://127.0.0.1:{server.server_address[1]}\n")
        secrets.chmod(0o600)
        script = f"{os.path.dirname(acme_sh)}/dnsapi/dns_acmeproxy.sh"
        hook = DnsHook(script, str(secrets), settle=1.0, servers=(f"127.0.0.1:{it.dns}",), acme_sh=acme_sh)
        before = set(Path(os.environ["HOME"]).iterdir())
        obtain(it.open(), Wanted(("*.a.example",)), [DnsChallenger(hook, it.progress.append)], it.keeper(), 60)
        assert [path for path, _ in told] == ["/present", "/cleanup"], told
        assert set(Path(os.environ["HOME"]).iterdir()) == before
        server.shutdown()


def kills(place: Path) -> None:
    """A run that is killed at any request, before or after it, is gone on with by the next one: one order in all."""
    with world(place) as it:
        step = 0
        while True:
            step += 1
            name = f"k{step}.example"
            before = len(it.stub.orders())
            words = [sys.executable, __file__, "--die", str(step), str(place), it.stub.url, name]
            done = subprocess.run(words, check=False, capture_output=True, timeout=120)
            if done.returncode == 0:
                break
            assert done.returncode == -signal.SIGKILL, done.stderr.decode()
            kept = it.keeper(name).read()
            if kept is not None:
                assert kept.for_ledger().key == chain.fingerprint(kept.key.encode())
            session = open_session(it.at(), accounts_of(place, name), it.progress.append)
            found = it.obtain(name, session=session)
            orders = len(it.stub.orders()) - before
            lost = kept is None and orders == 2
            assert orders == 1 or lost, f"step {step}: {orders} orders"
            if kept is not None:
                assert found.key == kept.key.encode(), f"step {step}: another key"
        assert step > 15, step
        assert not list((it.web / WELL_KNOWN).iterdir())


def accounts_of(place: Path, name: str) -> str:
    """Return where a client that is killed has its accounts."""
    return str(place / f"accounts-{name}")


def die(step: int, place: Path, url: str, name: str) -> None:
    """Obtain a certificate, and be killed at a request: before it with an odd step, after it with an even one."""
    count = 0
    send = transport.send

    def counted(*words: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = send(*words, **named)
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    transport.send = counted
    session = open_session(Authority(url, str(place / "tls/ca.pem")), accounts_of(place, name), print)
    ways = [HttpChallenger(str(place / "web"))]
    obtain(session, Wanted((name,)), ways, FileKeeper(str(place / f"pending/{name}.json")), patience=60)


def fallback(place: Path) -> None:
    """After repeated outages the second authority issues, for an account that exists there.

    After a refusal the staging directory is tried first.
    """
    with world(place / "one") as one, world(place / "two", BINDING) as two, world(place / "three") as three:
        now = [time.time()]
        second = two.at(key_id=KEY_ID, hmac_key=HMAC_KEY)
        setup = Setup(str(place / "accounts"), one.at(), second, Clock(now=lambda: now[0]))
        ways = [HttpChallenger(str(one.web))]
        for other in (two, three):
            other.web.rmdir()
            other.web.symlink_to(one.web)
        ledger, written = Ledger(host="a.example"), list[Ledger]()
        one.stub.rules = [Rule("/dir", 503)]
        job = Job(Wanted(("a.example",)), ways, one.keeper(), written.append, one.progress.append)
        for number in range(directories.PATIENCE):
            done = attempt(setup, job, ledger)
            assert done.error is not None
            ledger = done.ledger
            assert ledger.failed == number + 1
            assert ledger.next_attempt - now[0] == (60, 600, 6000)[number]
            now[0] = ledger.next_attempt
        done = attempt(setup, job, ledger)
        assert done.obtained is not None, done
        assert done.obtained.directory == two.stub.url
        assert done.ledger.failures == ()
        assert any(item.order is not None for item in written)
        one.keeper().clear()
        ledger = ask_again(setup, done.ledger, done.obtained.chain, one.progress.append)
        assert ledger.window is not None
        now[0] = time.time()
        one.stub.rules = []
        directories.STAGING[one.stub.url] = three.stub.url
        setup = replace(setup, fallback=three.at())
        failed = Failure(at=now[0], directory=one.stub.url, kind=Kind.UNAUTHORIZED)
        ledger = Ledger(host="a.example", failures=(failed,), failed=1)
        done = attempt(setup, job, ledger)
        assert (done.obtained, done.error, done.ledger.staged) == (None, None, True), done
        assert one.keeper().read() is None
        done = attempt(setup, job, done.ledger)
        assert done.obtained is not None
        assert done.obtained.directory == one.stub.url


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "issue": issue,
    "replaces": replaces,
    "foreign": foreign,
    "half-of-the-nonces-refused": partial(nonces, percent="50"),
    "most-nonces-refused": partial(nonces, percent="90"),
    "windows": windows,
    "down": down,
    "limits": limits,
    "keys": keys,
    "binding": binding,
    "bindings": bindings,
    "reset": reset,
    "expired": expired,
    "contacts": contacts,
    "refusals": refusals,
    "addresses": addresses,
    "unknown": unknown,
    "clocks": clocks,
    "names": names,
    "providers": providers,
    "kills": kills,
    "fallback": fallback,
}


def main(wanted: list[str]) -> int:
    """Run scenarios by name, or all of them."""
    assert network.NONCE_TRIES > 100
    wrong = 0
    for name in wanted or SCENARIOS:
        since = time.monotonic()
        seconds = transport.REQUEST_SECONDS
        with tempfile.TemporaryDirectory(prefix="chainsaw-acme-") as place:
            try:
                SCENARIOS[name](Path(place))
                problem = ""
            except Exception:  # every failure is told, and the next scenario runs
                problem = traceback.format_exc()
        transport.REQUEST_SECONDS = seconds
        wrong += bool(problem)
        print(json.dumps({"name": name, "seconds": round(time.monotonic() - since, 1), "problem": problem}), flush=True)
    return min(wrong, 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--die"]:
        die(int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5])
    else:
        sys.exit(main(sys.argv[1:]))
