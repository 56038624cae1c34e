"""Hashes of passwords, at a cost that cannot exhaust the server."""

from __future__ import annotations

import sys
import threading
import unicodedata

import argon2

# 35 ms and 9 MB on two slow cores; passwords that chainsaw makes have 128 bits, and need none of it.
TIME_COST = 4
MEMORY_KIB = 9 * 1024
MOST_TIME = 8
MOST_KIB = 20 * 1024
AT_ONCE = 2
PATIENCE = 1.0
SHORTEST = 8
LONGEST = 256

HASHER = argon2.PasswordHasher(TIME_COST, MEMORY_KIB, parallelism=1, hash_len=32, salt_len=16)
NOBODY = "$argon2id$v=19$m=9216,t=4,p=1$xqtVBgGpiSumVg6LZkjoUQ$qgXIu+xWybliBX6T8cti0bBxVmsRC7r7pNbMMmvV46c"
"""A hash of what nobody knows: a user that does not exist costs the same as one that does."""


class BusyError(Exception):
    """As many passwords as may be are being checked."""


def affordable(stored: str) -> bool:
    """Return whether this is a hash whose check costs no more than it may."""
    try:
        cost = argon2.extract_parameters(stored)
    except (argon2.exceptions.InvalidHash, ValueError):
        return False
    kind = cost.type is argon2.Type.ID and cost.parallelism == 1
    return kind and 0 < cost.time_cost <= MOST_TIME and 0 < cost.memory_cost <= MOST_KIB


class Passwords:
    """Checks a few passwords at a time."""

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        """Let so many be checked at once, and others wait so long."""
        self._free = threading.BoundedSemaphore(at_once)
        self._patience = patience

    def right(self, stored: str | None, password: str) -> bool:
        """Return whether the password is the one of the hash; without a hash it is wrong, at the same cost."""
        if len(password) > LONGEST:
            return False
        if not self._free.acquire(timeout=self._patience):
            raise BusyError
        try:
            HASHER.verify(stored or NOBODY, _normal(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHash):
            return False
        finally:
            self._free.release()
        return stored is not None


def main() -> int:
    """Print the hash of a password from standard input."""
    line = sys.stdin.buffer.readline(8 * LONGEST)
    try:
        password = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        sys.stderr.write("login-hash: a password is text in UTF-8\n")
        return 2
    if not SHORTEST <= len(password) <= LONGEST:
        sys.stderr.write(f"login-hash: a password has from {SHORTEST} to {LONGEST} characters\n")
        return 2
    sys.stdout.write(HASHER.hash(_normal(password)) + "\n")
    return 0


def _normal(password: str) -> bytes:
    """Return the bytes of a password: the same character may come in several ways from different keyboards."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


if __name__ == "__main__":
    sys.exit(main())
