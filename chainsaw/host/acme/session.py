"""A conversation with one authority: its directory, and signed requests as its account."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainsaw.host.acme import account
from chainsaw.host.acme.account import Authority, Place
from chainsaw.host.acme.failure import AcmeError, plain
from chainsaw.host.acme.network import network_class, translated
from chainsaw.host.acme.retry import date_of, wait_of
from chainsaw.model.renewal import Kind

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class Clock:
    """Seconds since 1970, seconds of a clock that nobody sets, and how to wait for some of them."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Session:
    """The client of an authority, whose account is used from the first signed request on.

    `progress` is told in one line what is being done.
    """

    authority: Authority
    place: Place
    client: Any
    clock: Clock
    progress: Callable[[str], None]
    signed_in: bool = False

    @property
    def key(self) -> Any:
        """The account's key."""
        return self.client.net.key

    @property
    def renewal_info(self) -> str:
        """Where renewal windows are asked for (RFC 9773, 4.1), or nothing when the authority has none."""
        return str(getattr(self.client.directory, "renewalInfo", "") or "")

    @property
    def profiles(self) -> Mapping[str, str]:
        """The profiles that the directory offers, with what it says of each."""
        found = self.client.directory.meta.profiles or {}
        return {plain(name, 80): plain(text, 200) for name, text in found.items()} if isinstance(found, Mapping) else {}

    @property
    def ahead(self) -> float:
        """By how many seconds this host's clock was ahead of the authority's at the last answer; 0 if it tells none."""
        last: requests.Response | None = self.client.net.last
        told = None if last is None else date_of(last.headers)
        return 0.0 if told is None else self.clock.now() - told

    @property
    def wait(self) -> float | None:
        """For how many seconds the last answer said to wait, or None."""
        last: requests.Response | None = self.client.net.last
        return None if last is None else wait_of(last.headers, self.clock.now())

    def get(self, url: str) -> Any:
        """Return the JSON at an address that is open to all."""
        with translated(self.client.net):
            return self.client.net.get(url).json()

    def post(self, url: str, payload: Any) -> requests.Response:
        """Return the answer to a signed request, with None as the payload to read (RFC 8555, 6.3).

        An account that the authority does not know any more is registered again.
        """
        if not self.signed_in:
            self._sign_in()
        try:
            return self._post(url, payload)
        except AcmeError as error:
            if error.error_type != "accountDoesNotExist":
                raise
        self.progress("the authority does not know the account any more: it is registered again")
        account.forget(self.place)
        self._sign_in()
        return self._post(url, payload)

    def _sign_in(self) -> None:
        account.sign_in(self.client, self.authority, self.place)
        self.signed_in = True

    def _post(self, url: str, payload: Any) -> requests.Response:
        with translated(self.client.net):
            answer: requests.Response = self.client.net.post(
                url, payload, new_nonce_url=self.client.directory["newNonce"]
            )
            return answer


def open_session(
    authority: Authority, accounts: str, progress: Callable[[str], None], clock: Clock | None = None
) -> Session:
    """Return a session with an authority, whose account is kept below the directory `accounts`.

    Raise AcmeError when its directory cannot be read.
    """
    from acme.client import ClientV2

    clock = clock or Clock()
    place = account.adopt_former(accounts, authority)
    key = account.account_key(place)
    network = network_class()(key, account.algorithm(key), authority.ca_file, clock.sleep)
    with translated(network):
        directory = ClientV2.get_directory(authority.url, network)
        for name in ("newNonce", "newAccount", "newOrder"):
            if not isinstance(directory[name], str):
                raise AcmeError(Kind.SERVER, f"{plain(authority.url, 200)}: is no ACME directory")
    return Session(authority, place, ClientV2(directory, network), clock, progress)
