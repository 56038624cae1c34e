"""The one door to HTTP: requests to the front on this host, over TLS with the local authority; and names of hosts."""

from __future__ import annotations

import html
import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from urllib.parse import urlsplit

from chainsaw.checks.observed import PlainAnswer, Resolved, ShownCertificate
from chainsaw.model.deployment import ProbeRequest

PASSING = "X-Chainsaw-Probe"
"""The header with which chainsaw itself passes a login, see quadlets/images/login, and gets no page that is kept."""
LOGIN = "/.chainsaw/login"
"""Where the front has the form of its login."""
ANYBODY = "-"
"""What stands in it where there is no login to pass."""
LIMIT = 2 * 1024 * 1024
LINES = 5
WIDTH = 160
TAGS = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Front:
    """Where the front is: its https port, and the file of the authority that its certificates are from.

    Without an authority a request does not depend on the certificate.
    """

    port: int
    authority: str


@dataclass(frozen=True)
class Answer:
    """A response: its header fields in lower case, and the first two megabytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @property
    def excerpt(self) -> str:
        """What a person should see of an answer that is not the expected one, from the next line on."""
        place = self.headers.get("location", "")
        kind = self.headers.get("content-type", "")
        if b"\0" in self.body[:LIMIT]:
            return f"\n  {len(self.body)} bytes of {kind or 'an unknown type'}"
        return (f"\n  Location: {place}" if place else "") + (
            first_lines(self.text) or "\n  nothing at all" * (not place)
        )


def first_lines(text: str) -> str:
    """Return the first lines of a text that are not empty, each indented on a line of its own."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Of a page, lines of tags alone say little.
    lines = [line for line in lines if TAGS.sub("", line).strip()] or lines
    shown = [line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in lines[:LINES]]
    return "".join(f"\n  {line}" for line in [*shown, *(["…"] if len(lines) > LINES else [])])


@dataclass(frozen=True)
class Asked:
    """A request: to a host name, with a path, and what belongs to it."""

    host: str
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@lru_cache(maxsize=4)
def _trusting(authority: str | None) -> ssl.SSLContext:
    """Return a context that trusts an authority, for None those of this host, and for an empty name anybody."""
    context = ssl.create_default_context(cafile=authority or None)
    if authority == "":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@lru_cache(maxsize=16)
def _trusting_chain(chain: str) -> ssl.SSLContext:
    """Return a context that trusts each certificate of a chain, whoever signed the last one."""
    context = ssl.create_default_context(cadata=chain)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def request(front: Front, asked: Asked, timeout: float) -> Answer:
    """Return the answer to a request on a connection of its own; redirects are not followed.

    Raise OSError when there is no answer within `timeout` seconds, or the answer is not HTTP.
    """
    with (
        socket.create_connection(("127.0.0.1", front.port), timeout=timeout) as plain,
        _trusting(front.authority).wrap_socket(plain, server_hostname=asked.host) as secure,
    ):
        # The connection exists already; the port is given so that it is in the Host header (RFC 9110, 7.2).
        connection = http.client.HTTPConnection(asked.host, 80 if front.port == 443 else front.port)
        connection.sock = secure
        headers = {"User-Agent": "chainsaw-probe", PASSING: ANYBODY, **asked.headers}
        try:
            connection.request(asked.method, asked.path, asked.body, headers)
            response = connection.getresponse()
            body = response.read(LIMIT)
        except http.client.HTTPException as error:
            raise OSError(f"the answer is not HTTP: {error!r}") from error
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def ask_plain(port: int, host: str, timeout: float) -> PlainAnswer:
    """Return what the plain port answers to a request for a host, within `timeout` seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as plain:
            connection = http.client.HTTPConnection(host)
            connection.sock = plain
            connection.request("HEAD", "/", headers={"User-Agent": "chainsaw-probe"})
            response = connection.getresponse()
            return PlainAnswer(response.status, response.getheader("Location", ""))
    except (http.client.RemoteDisconnected, ConnectionResetError):
        # nginx closes without an answer (ngx_http_rewrite_module, return 444).
        return PlainAnswer()
    except http.client.HTTPException as error:
        return PlainAnswer(problem=f"the answer is not HTTP: {error!r}")
    except OSError as error:
        return PlainAnswer(problem=str(error))


def fetch_plain(address: str, host: str, path: str, timeout: float) -> bytes:
    """Return what an address answers on port 80 to a request for a path of a host, its first bytes.

    Raise OSError when nothing answers within `timeout` seconds.
    """
    with socket.create_connection((address, 80), timeout=timeout) as plain:
        connection = http.client.HTTPConnection(host)
        connection.sock = plain
        try:
            connection.request("GET", path, headers={"User-Agent": "chainsaw-probe"})
            return connection.getresponse().read(1024)
        except http.client.HTTPException as error:
            raise OSError(f"the answer is not HTTP: {error!r}") from error


def shown_certificate(front: Front, host: str, timeout: float, own: bytes = b"") -> ShownCertificate:
    """Return the certificate of a TLS handshake for a host, within `timeout` seconds.

    No request is sent, so an instance that is asleep stays asleep. The certificate may be signed by the local
    authority, by one that this host trusts, or be in a chain of the admin's `own`, PEM.
    """
    shown = _shake(front.port, host, partial(_trusting, front.authority), timeout)
    for trust in (partial(_trusting, None), *([partial(_trusting_chain, own.decode())] if own else [])):
        if shown.refused:
            other = _shake(front.port, host, trust, timeout)
            shown = shown if other.refused else other
    return shown


def served_serial(port: int, host: str, timeout: float) -> str:
    """Return the serial number, in hexadecimal, of the certificate that is shown for a host, whoever issued it.

    Raise OSError when there is no handshake within `timeout` seconds.
    """
    from cryptography import x509

    with (
        socket.create_connection(("127.0.0.1", port), timeout=timeout) as plain,
        _trusting("").wrap_socket(plain, server_hostname=host) as secure,
    ):
        found = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
        return f"{found.serial_number:x}"


def _shake(port: int, host: str, trust: Callable[[], ssl.SSLContext], timeout: float) -> ShownCertificate:
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=timeout) as plain,
            trust().wrap_socket(plain, server_hostname=host) as secure,
        ):
            found = secure.getpeercert() or {}
            since, until = (ssl.cert_time_to_seconds(str(found[key])) for key in ("notBefore", "notAfter"))
            return ShownCertificate(since, until, serial=str(found["serialNumber"]).lower().lstrip("0"))
    except ssl.SSLCertVerificationError as error:
        return ShownCertificate(problem=error.verify_message, refused=True)
    except OSError as error:
        return ShownCertificate(problem=str(error))


def addresses_of(host: str) -> Resolved:
    """Return the resolver's answer for a name; the timeout is the resolver's own (resolv.conf(5))."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
            return Resolved()
        return Resolved(problem=error.strerror or str(error))
    except OSError as error:
        return Resolved(problem=str(error))
    return Resolved(frozenset(str(item[4][0]).partition("%")[0] for item in found))


def probe(
    host: str,
    front: Front,
    wanted: ProbeRequest,
    patience: float,
    is_lost: Callable[[], bool] = lambda: False,
    word: str = "",
) -> str:
    """Return nothing when the page answers as expected within `patience` seconds, or what was wrong.

    It is not asked again once what answers there `is_lost`. With `word` it passes a login.
    """
    deadline = time.monotonic() + patience
    while True:
        problem = _ask(host, front, wanted, max(1.0, deadline - time.monotonic()), word)
        if not problem or time.monotonic() >= deadline or is_lost():
            return problem
        time.sleep(0.1)


def _ask(host: str, front: Front, wanted: ProbeRequest, timeout: float, word: str) -> str:
    where = f"https://{host}{wanted.path}"
    try:
        answer = request(front, Asked(host, wanted.path, headers={PASSING: word} if word else {}), timeout)
    except OSError as error:
        return f"{where} does not answer: {error}"
    problem = shortfall(answer, wanted)
    return f"{where} {problem}" if problem else ""


def asks_for_login(host: str, front: Front, path: str, timeout: float, *, is_own: bool) -> str:
    """Return nothing when a stranger is asked to log in, or what was wrong; `is_own` is by the front, and not before.

    A path of programs asks with HTTP Basic for the host (RFC 7617).
    """
    where = f"https://{host}{path}"
    try:
        answer = request(front, Asked(host, path), timeout)
    except OSError as error:
        return f"{where} does not answer: {error}"
    leads, challenge = answer.headers.get("location", ""), answer.headers.get("www-authenticate", "")
    asked = urlsplit(leads).path == LOGIN if answer.status == 302 else challenge.startswith(f'Basic realm="{host}"')
    if answer.status in (302, 401) and (asked or not is_own):
        return ""
    return f"{where} answers {answer.status} to a stranger, who should be asked to log in at the front"


def shortfall(answer: Answer, wanted: ProbeRequest) -> str:
    """Return what is not as expected in an answer, with its first lines; nothing when all is."""
    if answer.status != wanted.status:
        return f"answers {answer.status}, not {wanted.status}:{answer.excerpt}"
    text = wanted.contains
    if text and text not in answer.text and text not in html.unescape(answer.text):
        return f"answers {answer.status}, but without {text!r}:{answer.excerpt}"
    return ""
