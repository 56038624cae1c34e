"""The library's network with our transport: it repeats what was refused for its nonce, and waits for a busy server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from chainsaw.host.acme import transport
from chainsaw.host.acme.failure import AcmeError, kind_of, of_problem, plain
from chainsaw.host.acme.retry import wait_of
from chainsaw.model.renewal import Kind, Said

if TYPE_CHECKING:
    import requests

NONCE_TRIES = 250
NONCE_SECONDS = 120.0
"""python3-acme repeats a request with a refused nonce once; an authority with several front ends takes more."""
BUSY_TRIES = 3
BUSY_SECONDS = 10.0
"""A server that is busy for no longer than this is asked again at once; for longer, by the next run."""
BUSY = (429, 503)


@cache
def network_class() -> type[Any]:
    """Return our ClientNetwork, whose attribute `last` is the last answer, or None."""
    from acme.client import ClientNetwork
    from acme.errors import Error

    class Network(ClientNetwork):
        def __init__(self, key: Any, alg: Any, ca_file: str, sleep: Callable[[float], None]) -> None:
            super().__init__(key, alg=alg, user_agent=transport.USER_AGENT)
            self.deadline = transport.Deadline()
            self.last: requests.Response | None = None
            self.pause = sleep
            transport.prepare(self.session, transport.trusting(ca_file, self.deadline))

        def _send_request(self, method: str, url: str, *words: Any, **named: Any) -> requests.Response:
            self.last = None
            for attempt in range(BUSY_TRIES):
                self.last = transport.send(self.session, self.deadline, method, url, *words, **named)
                wait = wait_of(self.last.headers, time.time())
                # A POST has spent its nonce, so that it is repeated below with another one.
                if method == "POST" or attempt == BUSY_TRIES - 1 or not _briefly_busy(self.last, wait):
                    break
                self.pause(wait or 0)
            assert self.last is not None
            return self.last

        def _add_nonce(self, response: requests.Response) -> None:
            # An answer to a POST without a nonce is an answer all the same: the next one is asked for.
            if self.REPLAY_NONCE_HEADER in response.headers or response.request.method == "HEAD":
                super()._add_nonce(response)

        def post(self, *words: Any, **named: Any) -> requests.Response:
            return _persistently(self, Error, lambda: self._post_once(*words, **named))

    return Network


def _briefly_busy(response: requests.Response, wait: float | None) -> bool:
    return response.status_code in BUSY and wait is not None and wait <= BUSY_SECONDS


def _persistently(network: Any, problem: type[Exception], post: Callable[[], requests.Response]) -> requests.Response:
    """Return the answer to a POST that is repeated while only its nonce is refused, or while the server is busy."""
    until = time.monotonic() + NONCE_SECONDS
    busy = 0
    for attempt in range(NONCE_TRIES):
        try:
            return post()
        except problem as error:
            refused = getattr(error, "code", None) == "badNonce"
            wait = wait_of(network.last.headers, time.time()) if network.last is not None else None
            busy += not refused
            again = refused or (busy < BUSY_TRIES and network.last is not None and _briefly_busy(network.last, wait))
            if not again or attempt == NONCE_TRIES - 1 or time.monotonic() > until:
                raise
            network._nonces.clear()
            if network.last is not None:
                network._add_nonce(network.last)
            if not refused:
                network.pause(wait or 0)
    raise AssertionError("a loop of no attempts")


@contextmanager
def translated(network: Any) -> Iterator[None]:
    """Turn whatever the library raises into an AcmeError."""
    import josepy
    from acme import errors, messages

    try:
        yield
    except AcmeError:
        raise
    except messages.Error as problem:
        raise of_problem(problem, *_state(network)) from problem
    except errors.ConflictError as error:
        raise _conflict(network) from error
    except (errors.Error, josepy.errors.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        status, wait = _state(network)
        kind = Kind.SERVER if status < 400 else kind_of("", status)
        raise AcmeError(kind, [Said(text=_not_understood(network, error))], wait, status=status) from error


def _state(network: Any) -> tuple[int, float | None]:
    """Return the status of the last answer and for how long it says to wait; 0 when there is none."""
    if network.last is None:
        return 0, None
    return network.last.status_code, wait_of(network.last.headers, time.time())


def _conflict(network: Any) -> AcmeError:
    """Return the error for a 409, of which the library passes on the Location alone."""
    import josepy
    from acme import messages

    try:
        return of_problem(messages.Error.from_json(network.last.json()), *_state(network))
    except (ValueError, AttributeError, josepy.errors.Error):
        return AcmeError(Kind.REFUSED, "it conflicts with what the authority has", error_type="conflict", status=409)


def _not_understood(network: Any, error: Exception) -> str:
    if network.last is None:
        return plain(f"the authority was not understood: {error}")
    last: requests.Response = network.last
    shown = plain(last.text, 120) if not last.ok else plain(error, 120)
    return f"the authority answered {last.status_code}, which was not understood: {shown or 'nothing'}"
