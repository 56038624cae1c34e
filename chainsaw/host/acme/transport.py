"""Requests to an authority: over https alone, each bounded in time and size; a private authority can be trusted."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chainsaw import __version__
from chainsaw.host.acme.failure import AcmeError, plain
from chainsaw.model.renewal import Kind

if TYPE_CHECKING:
    import requests

USER_AGENT = f"chainsaw/{__version__}"
CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 30.0
REQUEST_SECONDS = 90.0
LARGEST_ANSWER = 1024 * 1024
MOST_REDIRECTS = 3


class Deadline:
    """The end of the request that is under way; one that trickles in would never reach a timeout of single reads."""

    def __init__(self) -> None:
        """Have no request under way."""
        self.at = 0.0

    def start(self, seconds: float) -> None:
        """Begin the time of a request."""
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        """Return for how long the next read or write may last; raise TimeoutError when the time is over."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        return min(left, SILENCE_SECONDS)


def trusting(ca_file: str, deadline: Deadline) -> ssl.SSLContext:
    """Return the settings of TLS: the system's authorities and one more; every read ends with the deadline.

    Raise AcmeError when the file has no certificate.
    """

    class Bounded(ssl.SSLSocket):
        def recv_into(self, *words: Any, **named: Any) -> int:
            self.settimeout(deadline.left())
            return super().recv_into(*words, **named)

        def sendall(self, *words: Any, **named: Any) -> None:
            self.settimeout(deadline.left())
            super().sendall(*words, **named)

    context = ssl.create_default_context()
    context.sslsocket_class = Bounded
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise AcmeError(Kind.SETTINGS, f"{ca_file}: has no certificate of an authority: {error}") from error
    return context


def prepare(session: requests.Session, context: ssl.SSLContext) -> None:
    """Make a session use these settings of TLS, and refuse whatever is not https."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *words: Any, **named: Any) -> None:
            super().init_poolmanager(*words, ssl_context=context, **named)

        def proxy_manager_for(self, *words: Any, **named: Any) -> Any:
            return super().proxy_manager_for(*words, ssl_context=context, **named)

    session.mount("https://", Adapter())
    session.adapters.pop("http://", None)
    session.max_redirects = MOST_REDIRECTS


def send(session: requests.Session, deadline: Deadline, method: str, url: str, **words: Any) -> requests.Response:
    """Return the whole answer to a request; raise AcmeError when there is none, or none of a sensible size."""
    deadline.start(REQUEST_SECONDS)
    words["headers"] = {"User-Agent": USER_AGENT, **words.get("headers", {})}
    words.update(timeout=(CONNECT_SECONDS, SILENCE_SECONDS), stream=True, allow_redirects=method == "GET")
    try:
        with session.request(method, url, **words) as response:
            answer: Any = response
            answer._content = b"".join(_bounded(response))
    except (OSError, ValueError) as error:
        # What requests raises is an OSError, or a ValueError for an address that is none.
        raise _unreachable(url, error) from error
    response.encoding = "utf-8"
    return response


def _bounded(response: requests.Response) -> Iterator[bytes]:
    size = 0
    for chunk in response.iter_content(65536):
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise ValueError(f"the answer is larger than {LARGEST_ANSWER} bytes")
        yield chunk


def _unreachable(url: str, error: Exception) -> AcmeError:
    from requests import exceptions

    host = plain(urlsplit(url).netloc, 100) or plain(url, 100)
    cause = _first_cause(error)
    if isinstance(error, exceptions.Timeout) or isinstance(cause, TimeoutError):
        return AcmeError(Kind.TIMEOUT, f"{host} did not answer in time")
    if isinstance(error, exceptions.InvalidSchema | exceptions.MissingSchema | exceptions.InvalidURL):
        return AcmeError(Kind.SERVER, f"{plain(url, 200)}: is no address with https")
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = f"{cause.verify_message}; is the clock right, and is its authority trusted here?"
        return AcmeError(Kind.NO_NETWORK, f"the certificate of {host} is not accepted: {why}")
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return AcmeError(Kind.SERVER, f"{host}: {error}")
    return AcmeError(Kind.NO_NETWORK, f"{host} cannot be reached: {getattr(cause, 'strerror', None) or cause}")


def _first_cause(error: BaseException) -> BaseException:
    """Return what an error of requests or urllib3 goes back to: they wrap it as a context, a reason or an argument."""
    seen: list[BaseException] = []
    found: Any = error
    while isinstance(found, BaseException) and found not in seen:
        seen.append(found)
        inner = [found.__cause__, getattr(found, "reason", None), found.__context__, *found.args]
        found = next((item for item in inner if isinstance(item, BaseException) and item not in seen), None)
    return seen[-1]
