"""The account at an authority: its key, and its registration, which is found again rather than made twice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chainsaw.host import files
from chainsaw.host.acme.failure import AcmeError
from chainsaw.host.acme.network import translated
from chainsaw.model.renewal import Kind

if TYPE_CHECKING:
    from acme.client import ClientV2
    from josepy import jwa, jwk

FORMAT = 1
HMAC_KEY = re.compile(r"[A-Za-z0-9_-]{16,}={0,2}")


@dataclass(frozen=True)
class Authority:
    """A directory's URL, a PEM file of the authority of its TLS certificate, and what belongs to the account there.

    `contact` is an e-mail address. `key_id` and `hmac_key` (base64url) bind the account to one that exists at the
    authority already (RFC 8555, 7.3.4). `profile` is the kind of certificate that is wanted there.
    """

    url: str
    ca_file: str = ""
    contact: str = ""
    key_id: str = ""
    hmac_key: str = field(default="", repr=False)
    profile: str = ""


@dataclass(frozen=True)
class Place:
    """Where one account at a directory is kept: account.key and account.json, for the admin alone."""

    path: str

    @property
    def key(self) -> str:
        """The private key, PEM."""
        return f"{self.path}/account.key"

    @property
    def record(self) -> str:
        """The account's URL and its contact."""
        return f"{self.path}/account.json"


def place_of(accounts: str, url: str, key_id: str = "") -> Place:
    """Return where the account at a directory is kept below a directory of accounts.

    A key is registered there once, and so each external account needs one of its own.
    """
    host = re.sub(r"[^a-z0-9.-]", "-", urlsplit(url).netloc.lower())[:80]
    bound = f"-external-{_digest(key_id)}" if key_id else ""
    return Place(f"{accounts}/{host}-{_digest(url)}{bound}")


def adopt_former(accounts: str, authority: Authority) -> Place:
    """Return where the account of an authority is kept, with what an earlier version kept at another place.

    It had one place for each directory, and did not write down whether the account there is bound to another. A binding
    may be good for one registration only.
    """
    place, former = (place_of(accounts, authority.url, key_id) for key_id in (authority.key_id, ""))
    if place != former and not files.exists(place.key) and files.exists(former.key):
        key, record = files.read_text(former.key) or "", files.read_text(former.record) or ""
        if record and '"external"' not in record:
            files.make_directory(place.path, 0o700)
            files.write_atomic(place.record, record.encode(), 0o600)
            files.create_file(place.key, key.encode(), 0o600)
    return place


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]


def account_key(place: Place) -> jwk.JWK:
    """Return the key of an account, which is made the first time; raise AcmeError for a file that is no such key.

    It is ECDSA P-256: every authority has to accept it (RFC 8555, 6.2), it is made at once, and its signatures are
    short. An RSA key that is there already is used as well.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from josepy import jwk

    files.make_directory(place.path, 0o700)
    if not files.exists(place.key):
        new = ec.generate_private_key(ec.SECP256R1())
        encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        files.create_file(place.key, new.private_bytes(encoding, kind, serialization.NoEncryption()), 0o600)
    try:
        found = serialization.load_pem_private_key((files.read_text(place.key) or "").encode(), None)
    except (ValueError, TypeError) as error:
        raise AcmeError(Kind.SETTINGS, f"{place.key}: is no private key in PEM: {error}") from error
    if isinstance(found, ec.EllipticCurvePrivateKey) and isinstance(found.curve, ec.SECP256R1):
        return jwk.JWKEC(key=found)
    if isinstance(found, rsa.RSAPrivateKey):
        return jwk.JWKRSA(key=found)
    raise AcmeError(Kind.SETTINGS, f"{place.key}: the key of an account is ECDSA P-256 or RSA")


def algorithm(key: jwk.JWK) -> jwa.JWASignature:
    """Return how an account signs with its key."""
    from josepy import jwa, jwk

    return jwa.ES256 if isinstance(key, jwk.JWKEC) else jwa.RS256


def sign_in(client: ClientV2, authority: Authority, place: Place) -> None:
    """Make the client use the account of a directory: the one recorded, one that is found again, or a new one.

    The contact is changed at the authority when it differs. Raise AcmeError when the authority refuses.
    """
    network: Any = client.net
    thumbprint = network.key.thumbprint().hex()
    recorded = _recorded(place, authority.url, thumbprint)
    contact = _contact(authority)
    with translated(network):
        if recorded and recorded["contact"] == list(contact):
            network.account = _resource(recorded["uri"])
            return
        found = _find(client, recorded["uri"] if recorded else "")
        if found is None:
            found = _register(client, authority)
        if not _has_contact(found, contact):
            found = _change_contact(client, found, contact)
        network.account = found
    record = {"directory": authority.url, "key": thumbprint, "uri": found.uri, "contact": list(contact)}
    record["external"] = authority.key_id
    files.write_atomic(place.record, (json.dumps({"format": FORMAT, **record}) + "\n").encode(), 0o600)


def forget(place: Place) -> None:
    """Forget the registration, but not the key: the authority does not know it any more."""
    files.remove(place.record)


def _recorded(place: Place, url: str, thumbprint: str) -> dict[str, Any] | None:
    """Return the URL and the contact of the account that was registered with this key, if it is known."""
    try:
        found = json.loads(files.read_text(place.record) or "")
        known = (found["format"], found["directory"], found["key"]) == (FORMAT, url, thumbprint)
        return {"uri": str(found["uri"]), "contact": list(found["contact"])} if known else None
    except (ValueError, KeyError, TypeError):
        return None


def _contact(authority: Authority) -> tuple[str, ...]:
    return (f"mailto:{authority.contact}",) if authority.contact else ()


def _resource(uri: str) -> Any:
    from acme import messages

    return messages.RegistrationResource(body=messages.Registration(), uri=uri)


def _find(client: ClientV2, uri: str) -> Any:
    """Return the account that the authority has for the key (RFC 8555, 7.3.1), or None when it has none."""
    from acme import messages

    try:
        return client.query_registration(_resource(uri))
    except messages.Error as problem:
        # Some say that it does not exist, others that they want a binding, or that the request is malformed: what
        # a registration is answered is what counts. A server that is out of order must not lead to one.
        network: Any = client.net
        if problem.code == "rateLimited" or network.last is None or network.last.status_code >= 500:
            raise
        return None


def _register(client: ClientV2, authority: Authority) -> Any:
    from acme import errors, messages

    binding = None
    if authority.key_id:
        if not HMAC_KEY.fullmatch(authority.hmac_key):
            raise AcmeError(Kind.SETTINGS, "the key of the external account is not base64url")
        key: Any = client.net.key
        hmac_key = authority.hmac_key.rstrip("=")
        binding = messages.ExternalAccountBinding.from_data(
            key.public_key(), authority.key_id, hmac_key, client.directory
        )
    elif client.external_account_required():
        text = "this authority wants an account that exists there already: it gives you a key id and a key"
        raise AcmeError(Kind.SETTINGS, text, error_type="externalAccountRequired")
    client.net.account = None
    body = messages.NewRegistration.from_data(
        contact=_contact(authority), terms_of_service_agreed=True, external_account_binding=binding
    )
    try:
        return client.new_account(body)
    except errors.ConflictError as known:
        # It exists: 200 with its address, which the library calls a conflict.
        return client.query_registration(_resource(known.location))


def _has_contact(account: Any, contact: tuple[str, ...]) -> bool:
    told = tuple(account.body.contact or ())
    # Let's Encrypt does not keep contacts any more, and tells none: there is nothing to change.
    return not told or told == contact


def _change_contact(client: ClientV2, account: Any, contact: tuple[str, ...]) -> Any:
    from acme import messages

    return client.update_registration(account, messages.Registration(contact=contact))
