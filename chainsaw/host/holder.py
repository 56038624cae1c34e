"""Runs a program that holds something for as long as its standard input is open."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from chainsaw.errors import ChainsawError, Diagnostic

LINE = 65536
ENDS = 30.0
"""Seconds that such a program may take to end when its standard input is closed."""


class NotHeldError(ChainsawError):
    """It did not hold from the beginning: nothing was done meanwhile."""


@contextmanager
def held_by(argv: Sequence[str], patience: float, said: bytes = b"") -> Iterator[None]:
    """Run a program while the block runs, which begins as soon as it has printed a line; it is told what is `said`.

    Raise NotHeldError when it has printed none after `patience` seconds, and ChainsawError when it ended before the
    block did. Whatever happens, its standard input is closed, and it is killed if it does not end then.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(said)
                process.stdin.flush()
            if not _says_so(process.stdout, patience):
                _end(process)
                raise NotHeldError(_problem(argv, process, errors, f"did not begin within {patience:g} s"))
            yield
            if process.poll() is not None:
                raise ChainsawError(_problem(argv, process, errors, "has ended before it was told to"))
        finally:
            _end(process)


def _says_so(printed: IO[bytes], patience: float) -> bool:
    """Return whether a whole line comes in time, which is no longer than LINE."""
    deadline, said = time.monotonic() + patience, b""
    while b"\n" not in said and len(said) < LINE:
        ready, _, _ = select.select([printed], [], [], max(deadline - time.monotonic(), 0))
        piece = os.read(printed.fileno(), LINE) if ready else b""
        if not piece:
            return False
        said += piece
    return b"\n" in said


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(ENDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _problem(argv: Sequence[str], process: subprocess.Popen[bytes], errors: IO[bytes], what: str) -> Diagnostic:
    errors.seek(0)
    told = errors.read()[-2000:].decode(errors="replace").strip()
    shown = " ".join(word for word in argv if not word.startswith("-"))[:80]
    return Diagnostic("not-held", f"{shown} {what}" + (f": {told}" if told else f" (it ended with {process.poll()})"))
