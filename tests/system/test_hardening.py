"""What was tried against the front, what became of it, and why: one table for each way in.

A row names the answer of the front itself, or PASSED: then the application got one clean request, and no byte more.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from io import BytesIO
from urllib.parse import quote

import pytest

from .http2 import Stream
from .machine import DATA, Machine
from .web import connect, raw

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

HOST, MIRROR = "gadget.localhost", "https://mirror.localhost/"
PASSED = 200


@dataclass(frozen=True)
class Try:
    """What somebody tries, the bytes of it, and how it ends."""

    what: str
    sent: bytes
    answer: int
    how: str

    def __str__(self) -> str:
        return self.what


def post(*fields: str, body: str = "") -> bytes:
    """Return a request with a body, and with just these fields beside the host."""
    return "\r\n".join(["POST /tried HTTP/1.1", f"Host: {HOST}", *fields, "", body]).encode("latin-1")


def get(target: str = "/tried", *fields: str, host: str = f"Host: {HOST}\r\n", line: str = "") -> bytes:
    head = line or f"GET {target} HTTP/1.1"
    return f"{head}\r\n{host}{''.join(f'{field}{chr(13)}{chr(10)}' for field in fields)}\r\n".encode("latin-1")


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
CHUNKED, SECOND = "Transfer-Encoding: chunked", "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLING = [
    Try("CL.TE", post("Content-Length: 6", CHUNKED, body="0\r\n\r\nG"), 400, "two lengths"),
    Try("TE.CL", post(CHUNKED, "Content-Length: 4", body=f"5c\r\n{SECOND}\r\n0\r\n\r\n"), 400, "two lengths"),
    Try("TE.TE", post(CHUNKED, "Transfer-Encoding: identity", body="0\r\n\r\n"), 400, "the field comes twice"),
    Try(
        "TE, identity first",
        post("Transfer-Encoding: identity", CHUNKED, body="0\r\n\r\n"),
        400,
        "the field comes twice",
    ),
    Try("TE of a list", post("Transfer-Encoding: chunked, identity", body="0\r\n\r\n"), 501, "not chunked alone"),
    Try("TE of another name", post("Transfer-Encoding: xchunked", body="0\r\n\r\n"), 501, "not chunked"),
    Try("TE after a tab", post("Transfer-Encoding:\tchunked", body="0\r\n\r\n"), 501, "a tab is no space"),
    Try("TE before a space", post("Transfer-Encoding : chunked", body="0\r\n\r\n"), 400, "a space in a name"),
    Try("TE in HTTP/1.0", post(CHUNKED, body="0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"), 400, "not in HTTP/1.0"),
    Try("two lengths", post("Content-Length: 5", "Content-Length: 6", body="12345G"), 400, "the field comes twice"),
    Try("a length twice", post("Content-Length: 5", "Content-Length: 5", body="12345"), 400, "the field comes twice"),
    Try("a list of lengths", post("Content-Length: 5, 5", body="12345"), 400, "no number"),
    Try("a length with a sign", post("Content-Length: +5", body="12345"), 400, "no number"),
    Try("a negative length", post("Content-Length: -5", body="12345"), 400, "no number"),
    Try("a length in hex", post("Content-Length: 0x5", body="12345"), 400, "no number"),
    Try("a length beyond all", post(f"Content-Length: {2**64}5", body="12345"), 400, "no number of this host"),
    Try("a chunk beyond all", post(CHUNKED, body="ffffffffffffffffff\r\n"), 400, "no number of this host"),
    Try("a negative chunk", post(CHUNKED, body="-1\r\n"), 400, "no number"),
    Try("a chunk that is too long", post(CHUNKED, body="3\r\n12345\r\n0\r\n\r\n"), 400, "no end of a line"),
    Try(
        "a chunk, with a second request",
        post(CHUNKED, body=f"{len(SECOND):x}\r\n{SECOND}\r\n0\r\n\r\n"),
        PASSED,
        "body",
    ),
    Try(
        "an extension of a chunk",
        post(CHUNKED, body="5;x=\n12345\r\n0\r\n\r\n"),
        PASSED,
        "written afresh, with a length",
    ),
    Try("fields after the chunks", post(CHUNKED, body="1\r\nx\r\n0\r\nX-Remote-User: kim\r\n\r\n"), PASSED, "left out"),
    Try("lines without CR", post("Content-Length: 5", body="12345").replace(b"\r\n", b"\n"), PASSED, "written afresh"),
    Try("CR alone in a value", get("/tried", "X: a\rX-Remote-User: kim"), 400, "a control character"),
    Try("NUL in a value", get("/tried", "X: a\0b"), 400, "a control character"),
    Try("a folded line", get("/tried", "X: a\r\n X-Remote-User: kim"), 400, "a name cannot begin with a space"),
    Try("a name with a space", get("/tried", "X Remote-User: kim"), 400, "a space in a name"),
    Try("a field without a name", get("/tried", ": kim"), 400, "a name is missing"),
    Try(
        "h2c",
        get("/tried", *H2C),
        PASSED,
        "left out",
    ),
    Try(
        "fields that are only for the front",
        get("/tried", "Connection: X-Real-IP, Host", "TE: trailers"),
        PASSED,
        "left out",
    ),
]
"""Over HTTP/1.1: where one request ends, and the next begins."""

LINES = [
    Try("NUL in the address", get("/tried\0"), 400, "a control character"),
    Try("a method in small letters", get(line="get /tried HTTP/1.1"), 400, "no method"),
    Try("TRACE", get(line="TRACE /tried HTTP/1.1"), 405, "never allowed"),
    Try("CONNECT", get(line=f"CONNECT {HOST}:443 HTTP/1.1"), 400, "no path"),
    Try("HTTP/2.0 in words", get(line="GET /tried HTTP/2.0"), 505, "no such version here"),
    Try("a version of three digits", get(line="GET /tried HTTP/1.1.1"), 400, "no version"),
    Try("no path", get(line="GET tried HTTP/1.1"), 400, "a path begins with /"),
    Try("an address of 20 kB", get("/tried?" + "a" * 20_000), 414, "8 kB are the most"),
    Try("a field of 20 kB", get("/tried", "Cookie: a=" + "b" * 20_000), 400, "8 kB are the most"),
    Try(
        "fields of 60 kB",
        get("/tried", *(f"X-{n}: {'c' * 6000}" for n in range(10))),
        400,
        "32 kB are the most",
    ),
]
HOSTS = [
    Try("no host", get(host=""), 400, "required"),
    Try("two hosts", get(host=f"Host: {HOST}\r\nHost: www.localhost\r\n"), 400, "the field comes twice"),
    Try("an empty host", get(host="Host: \r\n"), 400, "no name"),
    Try("a host with a path", get(host=f"Host: {HOST}/x\r\n"), 400, "no name"),
    Try("a host with a user", get(host=f"Host: www.localhost@{HOST}\r\n"), 0, "nobody routed it: no answer"),
    Try("another site's host", get(host="Host: www.localhost\r\n"), 421, "the connection is for one name"),
    Try("another site's address", get("https://www.localhost/"), 421, "the connection is for one name"),
    Try("another site's address, and this host", get("http://www.localhost/tried"), 421, "the address counts"),
    Try("an unknown host", get(host="Host: evil.example\r\n"), 0, "nobody routed it: no answer"),
    Try("a host with another port", get(host=f"Host: {HOST}:81\r\n"), PASSED, "the application is told the route's"),
    Try("a host in capitals", get(host=f"Host: {HOST.upper()}\r\n"), PASSED, "the application is told the route's"),
    Try("a host with a dot", get(host=f"Host: {HOST}.\r\n"), PASSED, "the application is told the route's"),
]


FORGED = [
    Try(f"{name}: {value}", get("/tried", f"{name}: {value}", "Connection: close"), PASSED, how)
    for name, value, how in (
        ("X-Forwarded-For", "kim", "the front's own"),
        ("X-Forwarded-Host", "kim", "the front's own"),
        ("X-Forwarded-Proto", "kim", "the front's own"),
        ("X-Forwarded-Port", "kim", "the front's own"),
        ("X-Forwarded-Prefix", "kim", "left out"),
        ("X-Forwarded-User", "kim", "left out"),
        ("X-Real-IP", "kim", "the front's own"),
        ("X-Request-ID", "kim", "the front's own"),
        ("Forwarded", "kim", "left out"),
        ("Remote-User", "kim", "left out"),
        ("remote_user", "kim", "a name with _"),
        ("X.Remote.User", "kim", "a name with a dot"),
        ("X-Remote-Groups", "kim", "left out"),
        ("X-Webauth-User", "kim", "left out"),
        ("X-Auth-Request-Email", "kim", "left out"),
        ("X-Club-Member", "kim", "left out, as the recipe says"),
        ("X-Original-URL", "kim", "left out"),
        ("X-Rewrite-URL", "kim", "left out"),
        ("X-Sendfile-Type", "kim", "left out: a visitor does not choose how files come"),
        ("X-Accel-Mapping", "kim", "left out: a visitor does not choose which files come"),
        ("X-Chainsaw-User", "kim", "left out"),
        ("Proxy", "kim", "left out"),
    )
]
"""What only the front may say of a visitor."""


@pytest.fixture(scope="module", autouse=True)
def sites(machine: Machine, www: str) -> Iterator[None]:
    with machine.running("gadget", "mirror"):
        yield


def answered(machine: Machine, sent: bytes) -> bytes:
    """Return all that comes back, until the front closes or says nothing for a while."""
    with connect(machine.address, machine.authority, HOST) as connection:
        connection.settimeout(3)
        connection.sendall(sent)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
                connection.settimeout(0.5)
        except OSError:
            pass
        return received


class Wire:
    """What was received, as the client of the standard library reads it."""

    def __init__(self, received: bytes) -> None:
        self.received = received

    def makefile(self, *words: object) -> BytesIO:
        return BytesIO(self.received)


def body_of(received: bytes) -> bytes:
    answer = HTTPResponse(Wire(received))  # type: ignore[arg-type]  # it is asked for makefile alone
    answer.begin()
    return answer.read()


def check_clean(came: bytes) -> None:
    """See that an application got one request, which has one length and one host: the route's."""
    head, _, body = came.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    assert not re.search(r"[\r\n\0]", "".join(lines))
    fields = [line.partition(": ")[::2] for line in lines[1:]]
    names = [name.lower() for name, _ in fields]
    assert len(set(names)) == len(names), "no field comes twice"
    found = {name.lower(): value for name, value in fields}
    assert found["host"] == found["x-forwarded-host"] == HOST
    assert "transfer-encoding" not in found and "upgrade" not in found and "te" not in found
    assert len(body) == int(found.get("content-length", 0)), "nothing follows"
    assert "kim" not in found.values()


@pytest.mark.parametrize("tried", [*SMUGGLING, *LINES, *HOSTS, *FORGED], ids=str)
def test_over_http1(machine: Machine, tried: Try) -> None:
    received = answered(machine, tried.sent)
    statuses = [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d+)", received.partition(b"\r\n\r\n")[0])]
    assert statuses == ([tried.answer] if tried.answer else []), received[:500]
    if tried.answer == PASSED:
        check_clean(body_of(received))
    assert b"It is" not in received, "nothing of another site"


Fields = tuple[tuple[str, str], ...]


def fields(*more: tuple[str, str], method: str = "POST", **pseudo: str) -> Fields:
    """Return the fields of a request over HTTP/2; pseudo are others than the usual of those that begin with a colon."""
    usual = {"method": method, "scheme": "https", "authority": HOST, "path": "/tried"} | pseudo
    return (*((f":{name}", value) for name, value in usual.items() if value), *more)


FRAMES: list[tuple[str, Fields, tuple[bytes, ...], int, str]] = [
    ("H2.CL, too short", fields(("content-length", "1")), (SECOND.encode(),), 400, "more came than was said"),
    ("H2.CL, too long", fields(("content-length", "100")), (b"x",), 400, "less came than was said"),
    ("H2.CL of a list", fields(("content-length", "1, 1")), (b"x",), 400, "no number"),
    ("H2.CL twice", fields(("content-length", "1"), ("content-length", "1")), (b"x",), 400, "the field comes twice"),
    ("H2.TE", fields(("transfer-encoding", "chunked")), (b"0\r\n\r\n" + SECOND.encode(),), PASSED, "left out"),
    (
        "a line in a value",
        fields(("x", "a\r\ntransfer-encoding: chunked")),
        (b"0\r\n\r\n",),
        400,
        "a control character",
    ),
    ("a line in a name", fields(("x: a\r\ny", "b")), (b"x",), 400, "no name"),
    ("a name in capitals", fields(("X-Remote-User", "kim")), (b"x",), 400, "no name in HTTP/2"),
    ("a colon in a name", fields(("x:y", "b")), (b"x",), 400, "no name"),
    ("a line in the path", fields(path="/tried HTTP/1.1\r\nX: y"), (b"x",), 400, "a control character"),
    ("a space in the path", fields(path="/tried HTTP/1.1"), (b"x",), 400, "a space"),
    ("a path with a host", fields(path="https://www.localhost/"), (b"x",), 400, "a path begins with /"),
    ("two paths", fields((":path", "/other")), (b"x",), 400, "comes twice"),
    ("no path", fields(path=""), (b"x",), 400, "required"),
    ("a method with a line", fields(method="GET / HTTP/1.1\r\nX: y"), (b"x",), 400, "no method"),
    ("CONNECT", fields(method="CONNECT"), (b"x",), 405, "never allowed"),
    ("another site", fields(authority="www.localhost"), (), 421, "the connection is for one name"),
    ("another site in host", fields(("host", "www.localhost")), (), 400, "two hosts"),
    ("host alone", fields(("host", HOST), authority=""), (), PASSED, "a host"),
    ("no host", fields(authority=""), (), 400, "required"),
    ("fields of a connection", fields(("connection", "x-real-ip"), ("te", "trailers")), (), PASSED, "left out"),
    ("another address", fields(("x-forwarded-for", "kim"), ("x-real-ip", "kim")), (), PASSED, "the front's own"),
    ("another user", fields(("remote-user", "kim"), ("x_remote_user", "kim")), (), PASSED, "left out"),
    ("a body that nobody spoke of", fields(), (b"a", b"b"), PASSED, "left out"),
]
"""Over HTTP/2: what, the fields, the frames of the body, how it ends, and why."""


@pytest.mark.parametrize(("what", "sent", "bodies", "answer", "how"), FRAMES, ids=[row[0] for row in FRAMES])
def test_over_http2(
    machine: Machine, what: str, sent: Fields, bodies: tuple[bytes, ...], answer: int, how: str
) -> None:
    stream = Stream.of(machine, HOST, sent, *bodies)
    assert stream.status == answer, stream
    if answer == PASSED:
        check_clean(stream.body)


def everything(connection: ssl.SSLSocket) -> bytes:
    """Return what comes until the front closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


UP = ("..", "%2e%2e", "%2E.", "..%00", "..;", "%252e%252e", "..%c0%af", "..\\", "%5c..", "%c0%ae%c0%ae")
"""What some program or other takes for the directory above."""
TARGETS = ("other.txt", "etc/passwd", "conf/current/nginx/nginx.conf", "run/certificates/www.localhost.pem")
SECRET = "of another site alone"


@pytest.fixture(scope="module")
def beside(machine: Machine, www: str, blog: str) -> None:
    """A file beside the ones of the site, and one beside the uploads of the blog."""
    machine.write(f"{DATA}/public/www/site/deep/page.html", "<p>A page</p>")
    machine.write(f"{DATA}/public/other.txt", SECRET)


@pytest.mark.parametrize("up", UP)
@pytest.mark.parametrize("slash", ["/", "%2f"])
def test_no_way_leads_up(machine: Machine, beside: None, www: str, blog: str, up: str, slash: str) -> None:
    for place in (www, f"{www}deep/", f"{blog}wp-content/uploads/", f"{blog}wp-content/themes/", MIRROR):
        host = place.split("/")[2]
        base = place.partition(host)[2]
        for target in TARGETS:
            for depth in (1, 6):
                path = base + slash.join([up] * depth + [target])
                sent = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                with connect(machine.address, machine.authority, host) as connection:
                    connection.sendall(sent.encode())
                    received = b"".join(iter(lambda: connection.recv(65536), b""))
                for leaked in (SECRET, "root:", "worker_processes", "PRIVATE KEY"):
                    assert leaked.encode() not in received, path


ANSWERS = [
    ("X-Accel-Redirect", "/.chainsaw/503.html", "no other file than the page comes"),
    ("X-Accel-Redirect", "/wp-content/none.png", "no other file than the page comes"),
    ("X-Accel-Limit-Rate", "1", "the page comes as fast as others"),
    ("X-Accel-Charset", "utf-16", "the page is of the type that it says"),
    ("X-Accel-Buffering", "no", "the page comes whole"),
    ("X-Accel-Expires", "3600", "what is for one is not kept"),
    ("X-Accel-Expires", "@2000000000", "what is for one is not kept"),
]
"""What an application asks of the front with its answer: the field, its value, and what becomes of it."""
ASKING = (
    "<?php add_action('send_headers', function () { header($_GET['says'] ?? 'X: x'); setcookie('own', uniqid()); });"
)


@pytest.fixture(scope="module")
def asking(machine: Machine, blog: str) -> Iterator[str]:
    """Let pages of the blog have a further header field, and something that is for one visitor alone."""
    plugin = "/srv/content/mu-plugins/asking.php"
    machine.inside("blog.app", "sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', plugin, stdin=ASKING)
    yield blog
    machine.inside("blog.app", "rm", plugin)


@pytest.mark.parametrize(("name", "value", "how"), ANSWERS, ids=[": ".join(row[:2]) for row in ANSWERS])
def test_what_an_application_asks_of_the_front(machine: Machine, asking: str, name: str, value: str, how: str) -> None:
    url = f"{asking}?says={quote(f'{name}: {value}')}"
    answers = [machine.get(url) for _ in range(2)]
    for answer in answers:
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=UTF-8")
        assert answer.body.endswith("</html>\n")
        assert not [field for field in answer.headers if field.startswith("x-accel")]
    assert answers[0].cookies != answers[1].cookies


@pytest.mark.parametrize("url", [MIRROR, f"{MIRROR}index.php"])
def test_an_application_is_not_told_which_proxy_to_use(machine: Machine, url: str) -> None:
    """Some libraries read HTTP_PROXY (CVE-2016-5385)."""
    for name in ("Proxy", "proxy", "PROXY", "Http-Proxy", "HTTP_PROXY"):
        seen = machine.get(url, headers={name: "http://evil.example:1/"}).body
        assert '"HTTP_PROXY"' not in seen, name


@pytest.mark.parametrize("path", ["%0d%0aX-Evil:%20kim", "x?%0d%0aX-Evil:%20kim", "%E5%98%8A%E5%98%8DX-Evil:%20kim"])
def test_a_redirect_has_no_line_of_a_visitor(machine: Machine, path: str) -> None:
    request = f"GET /{path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    head = raw(machine.address, 80, request).partition(b"\r\n\r\n")[0]
    assert f"Location: https://{HOST}/{path}".encode() in head.splitlines()
    assert not any(line.lower().startswith(b"x-evil") for line in head.splitlines())


def test_a_long_header_of_an_application_arrives(machine: Machine) -> None:
    assert len(machine.get(f"https://{HOST}/heads").headers["x-long"]) == 12000
