"""The files of a host's certificate, as the front takes them: what is new, and what was there until that is seen.

- pair.pem: the key and the chain, for the front alone, in one file, so that both are replaced in one rename
- certificate.pem: the chain, for the admin, too
- former.pem and former-certificate.pem: the same as they were, until the new ones are seen to be shown
- key.pem and chain.pem: as earlier versions wrote them
"""

from __future__ import annotations

from contextlib import suppress

from chainsaw.errors import ChainsawError
from chainsaw.host import files
from chainsaw.model.paths import Paths

NAMES = (("certificate.pem", "former-certificate.pem"), ("pair.pem", "former.pem"))
"""What is there, and its name while it is kept; the pair is the last, as it is what the front takes."""


def stored_hosts(paths: Paths) -> list[str]:
    """Return the host names of which anything is stored: a certificate, its record, or what an authority was asked."""
    kept = [f"{paths.front}/{place}" for place in ("issued", "acme/hosts", "acme/orders")]
    records = [name.removesuffix(".json") for place in kept for name in files.list_directory(place)]
    return sorted({*files.list_directory(paths.certificates), *records})


def stored_chain(paths: Paths, host: str) -> bytes:
    """Return the chain that is stored for a host, PEM; nothing where there is none, or it cannot be read."""
    for name in ("certificate.pem", "chain.pem"):
        with suppress(ChainsawError):
            if text := files.read_text(f"{paths.certificates}/{host}/{name}"):
                return text.encode()
    return b""


def has_former(paths: Paths, host: str) -> bool:
    """Return whether a new certificate was placed and not seen yet."""
    return files.exists(f"{paths.certificates}/{host}/former.pem")


def keep_former(paths: Paths, host: str) -> None:
    """Keep what is there under other names."""
    for name, kept in NAMES:
        with suppress(FileNotFoundError):
            files.rename(f"{paths.certificates}/{host}/{name}", f"{paths.certificates}/{host}/{kept}")


def put_former_back(paths: Paths, host: str) -> None:
    """Give what was kept its name again."""
    for name, kept in NAMES:
        with suppress(FileNotFoundError):
            files.rename(f"{paths.certificates}/{host}/{kept}", f"{paths.certificates}/{host}/{name}")


def let_former_go(paths: Paths, host: str) -> None:
    """Delete what was kept, and what earlier versions wrote."""
    for name in ("former-certificate.pem", "former.pem", "key.pem", "chain.pem"):
        files.remove(f"{paths.certificates}/{host}/{name}")
