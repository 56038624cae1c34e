"""Passwords of users: what is made, what is taken, and the hash that is kept.

The cost is that of quadlets/images/login/chainsaw_login/passwords.py, which refuses hashes of a higher one.
"""

from __future__ import annotations

import base64
import secrets
import unicodedata
from urllib.parse import quote

from chainsaw.errors import ChainsawError, Diagnostic, Exit, invalid

TIME_COST = 4
MEMORY_KIB = 9 * 1024
SHORTEST, LONGEST = 8, 256
GROUPS, LETTERS = 6, 5
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without letters that look like others."""
TOTP_BYTES = 20
"""As long as the hash of the codes (RFC 4226, 4)."""


def new_password() -> str:
    """Return a password of 150 random bits that can be read out on the telephone."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS))


def hash_of(password: str) -> str:
    """Return the Argon2id hash (RFC 9106) of a password; raise ChainsawError for one that cannot be used."""
    if not SHORTEST <= len(password) <= LONGEST:
        message = f"a password has from {SHORTEST} to {LONGEST} characters, and this has {len(password)}"
        raise invalid(Diagnostic("password", message, hint="without standard input, a password is made"))
    if any(unicodedata.category(character) == "Cc" for character in password):
        raise invalid(Diagnostic("password", "a password is one line, without control characters"))
    try:
        from argon2 import PasswordHasher
    except ImportError:
        message, hint = "passwords are hashed with Argon2, which is not installed", "sudo apt install python3-argon2"
        raise ChainsawError(Diagnostic("no-argon2", message, hint=hint), Exit.HOST) from None
    hasher = PasswordHasher(TIME_COST, MEMORY_KIB, parallelism=1, hash_len=32, salt_len=16)
    # The same character may come in several ways from different keyboards.
    return hasher.hash(unicodedata.normalize("NFC", password).encode())


def new_totp() -> str:
    """Return the secret of a second factor, in Base32."""
    return base64.b32encode(secrets.token_bytes(TOTP_BYTES)).decode().rstrip("=")


def totp_address(name: str, secret: str, issuer: str) -> str:
    """Return what an authenticator takes (Key URI Format of Google Authenticator)."""
    return f"otpauth://totp/{quote(issuer)}:{quote(name)}?secret={secret}&issuer={quote(issuer)}"
