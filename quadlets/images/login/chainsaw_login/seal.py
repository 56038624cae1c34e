"""Values that leave the service and come back: signed, each kind for itself."""

from __future__ import annotations

import hashlib
from typing import Any

import itsdangerous

SHORTEST_KEY = 32
LONGEST = 4096


class Seal:
    """Signs lists of one kind."""

    def __init__(self, key: str, kind: str) -> None:
        """Take the key of the site; what is signed as one kind is no other."""
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"the session key has fewer than {SHORTEST_KEY} characters")
        self._signer = itsdangerous.URLSafeSerializer(
            key,
            salt=f"chainsaw-login-{kind}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

    def seal(self, *values: Any) -> str:
        """Return the values, signed, as a word for a cookie or a form."""
        word = self._signer.dumps(list(values))
        return word if isinstance(word, str) else word.decode()

    def unseal(self, word: str, count: int) -> list[Any] | None:
        """Return so many values, or None for what was not signed here."""
        if not word or len(word) > LONGEST:
            return None
        try:
            values = self._signer.loads(word)
        except itsdangerous.BadData:
            return None
        return values if isinstance(values, list) and len(values) == count else None
