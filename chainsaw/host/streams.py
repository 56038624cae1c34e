"""Start programs in a row, each of which reads what the former one prints: with argument lists, never with a shell.

The first that ended by itself with a failure is the cause of all others' failures. With `patience`, they are ended when
none of them has moved a byte for as many seconds.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
import termios
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.process import Outcome, failed, missing

Chain = Sequence[Sequence[str]]
KEPT = 1 << 20
"""Bytes of what a row prints that are returned, the last ones."""
PIPE = 1 << 20
"""Bytes between two programs: with less, they wait for each other."""
GRACE = 2.0
"""Seconds in which the cause of a broken pipe ends."""


@contextmanager
def through(chain: Chain, target: int, *, patience: float | None = None) -> Iterator[IO[bytes]]:
    """Give a stream that passes what is written through programs into a descriptor.

    Raise ChainsawError when one of them fails or reads no further; when the block raises, they are ended.
    """
    with _running(chain, subprocess.PIPE, target, patience) as row:
        stream = row.started[0].stdin
        assert stream is not None
        yield stream
        stream.close()


@contextmanager
def tapped(
    chain: Chain, source: int | None, *, whole: bool = True, patience: float | None = None
) -> Iterator[IO[bytes]]:
    """Give a stream of what the last of some programs prints, of which the first reads a descriptor, or nothing.

    Raise ChainsawError as `through` does. Unless it is read as a `whole`, they are ended with the block.
    """
    with _running(chain, _or_nothing(source), subprocess.PIPE, patience) as row:
        stream = row.started[-1].stdout
        assert stream is not None
        with stream:
            yield stream
            row.is_over = not whole


def draw(chain: Chain, source: int | None = None, *, patience: float | None = None) -> bytes:
    """Return what the last of some programs prints; of which the first reads a descriptor, or nothing.

    Raise ChainsawError as `through` does.
    """
    with tempfile.TemporaryFile() as out:
        with _running(chain, _or_nothing(source), out.fileno(), patience):
            pass
        return _last(out)


def pour(chain: Chain, pieces: Iterable[bytes], *, patience: float | None = None) -> bytes:
    """Return what the last of some programs prints, of which the first reads pieces; raise as `through` does."""
    with tempfile.TemporaryFile() as out:
        with through(chain, out.fileno(), patience=patience) as stream:
            stream.writelines(pieces)
        return _last(out)


def run_into(
    argv: Sequence[str],
    out: int,
    kept: Sequence[int] = (),
    within: Sequence[str] = (),
    *,
    patience: float | None = None,
) -> None:
    """Run a program whose output goes to a descriptor, and that has further ones; raise ChainsawError if it fails."""
    with _running([argv], subprocess.DEVNULL, out, patience, kept, within):
        pass


def _or_nothing(source: int | None) -> int:
    return subprocess.DEVNULL if source is None else source


@dataclass
class _Told:
    """What a program says of itself, of which the last KEPT bytes are kept; `into` is where it writes."""

    kept: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.out, self.into = os.pipe()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        with os.fdopen(self.out, "rb", 0) as stream:
            while piece := stream.read(1 << 16):
                self.kept += piece
                del self.kept[:-KEPT]

    def started(self) -> None:
        """Know that the program has it, or never will."""
        if self.into >= 0:
            os.close(self.into)
            self.into = -1

    def text(self) -> bytes:
        """Return what was said; something that the program has left behind may still have it open."""
        self.reader.join(GRACE)
        return bytes(self.kept)


@dataclass
class _Row:
    """Programs that run; `ended` are those that have ended by themselves, in that order."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    waiters: list[threading.Thread] = field(default_factory=list)
    is_over: bool = False
    is_stuck: bool = False

    def add(self, process: subprocess.Popen[bytes]) -> None:
        number = len(self.started)
        self.started.append(process)

        def wait() -> None:
            process.wait()
            if not self.is_over:
                self.ended.append(number)

        self.waiters.append(threading.Thread(target=wait, daemon=True))
        self.waiters[-1].start()

    def kill(self) -> None:
        self.is_over = True
        for process in self.started:
            process.kill()

    def join(self, seconds: float | None = None) -> None:
        """Wait for all, or for some seconds, or until one has failed."""
        end = None if seconds is None else time.monotonic() + seconds
        for waiter in self.waiters:
            while waiter.is_alive() and (end is None or (time.monotonic() < end and not self._bad())):
                waiter.join(0.05 if end else None)

    def cause(self) -> int | None:
        """Return the number of the program that failed first, but for those that nobody read any more."""
        unread = (number for number in list(self.ended) if self.started[number].returncode == -signal.SIGPIPE)
        return next(iter(self._bad()), next(unread, None))

    def _bad(self) -> list[int]:
        return [number for number in list(self.ended) if self.started[number].returncode not in (0, -signal.SIGPIPE)]

    def watch(self, patience: float) -> None:
        """End all when nothing moves."""
        before, since = "", time.monotonic()
        while not self.is_over and any(process.returncode is None for process in self.started):
            time.sleep(min(patience / 10, 1))
            now = "".join(_moved(process.pid) for process in self.started if process.returncode is None)
            if now != before or self._is_waiting():
                before, since = now, time.monotonic()
            elif time.monotonic() - since > patience:
                self.is_stuck = True
                self.kill()

    def _is_waiting(self) -> bool:
        """Return whether the first has read all that it was given so far, and is to be given more."""
        stream = self.started[0].stdin
        if stream is None or stream.closed:
            return False
        with suppress(OSError, ValueError):
            return fcntl.ioctl(stream.fileno(), termios.FIONREAD, bytes(4)) == bytes(4)
        return False


def _moved(pid: int) -> str:
    """Return what tells how much a program has read and written (proc_pid_io(5)), or else what it has worked."""
    for name, end in (("io", b"syscr"), ("stat", b"")):
        with suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:
            text = file.read()
            fields = text.partition(end)[0] if end else b" ".join(text.rpartition(b")")[2].split()[11:15])
            return fields.decode()
    return ""


@contextmanager
def _running(
    chain: Chain,
    source: int,
    target: int,
    patience: float | None,
    kept: Sequence[int] = (),
    within: Sequence[str] = (),
) -> Iterator[_Row]:
    """Start programs, and wait for them after the block."""
    row = _Row()
    with ExitStack() as stack:
        errors = [_Told() for _ in chain]
        for told in errors:
            stack.callback(told.started)
        try:
            _start(row, [[*within, *argv] for argv in chain], source, target, errors, kept)
            if patience is not None:
                threading.Thread(target=row.watch, args=(patience,), daemon=True).start()
            yield row
            if row.is_over and not row.is_stuck:
                row.kill()
            row.join()
        except BaseException as error:
            if isinstance(error, Exception):
                is_broken = isinstance(error, BrokenPipeError) or isinstance(error.__cause__, BrokenPipeError)
                row.join(GRACE if is_broken else GRACE / 10)
            row.kill()
            row.join()
            if isinstance(error, Exception):
                _raise_cause(row, chain, errors, patience, error)
            raise
        finally:
            _close(row)
        _raise_cause(row, chain, errors, patience, None)


def _start(row: _Row, chain: Chain, source: int, target: int, errors: Sequence[_Told], kept: Sequence[int]) -> None:
    for number, (argv, told) in enumerate(zip(chain, errors, strict=True)):
        before = row.started[-1].stdout if row.started else source
        out = target if number == len(chain) - 1 else subprocess.PIPE
        try:
            row.add(subprocess.Popen(list(argv), stdin=before, stdout=out, stderr=told.into, pass_fds=kept))
            told.started()
        except FileNotFoundError:
            raise ChainsawError(missing(argv[0])) from None
        for stream in (row.started[-1].stdin, row.started[-1].stdout):
            if stream is not None:
                # There may be no more room for pipes of an account (pipe(7)).
                with suppress(OSError):
                    fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE)
        if not isinstance(before, int):
            assert before is not None
            before.close()


def _close(row: _Row) -> None:
    for process in row.started:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _raise_cause(
    row: _Row, chain: Chain, errors: Sequence[_Told], patience: float | None, error: Exception | None
) -> None:
    """Raise ChainsawError if a program has failed, or if nothing has moved."""
    names = " | ".join(argv[0].rpartition("/")[2] for argv in chain)
    if row.is_stuck:
        raise ChainsawError(
            Diagnostic("no-progress", f"{names} moved no byte for {patience:g} seconds, and was ended")
        ) from error
    number = row.cause()
    if number is not None and _says_why(error) and row.started[number].returncode == -signal.SIGPIPE:
        # It was read no further because of what was read.
        return
    if number is not None:
        outcome = Outcome(row.started[number].returncode, b"", errors[number].text())
        # Of one that nobody read any more, the cause is elsewhere.
        cause = BrokenPipeError() if outcome.code == -signal.SIGPIPE else error
        raise ChainsawError(failed(chain[number], outcome)) from cause
    if isinstance(error, BrokenPipeError):
        raise ChainsawError(
            Diagnostic("program-failed", f"{names} ended before it had read all that it was given")
        ) from error


def _says_why(error: Exception | None) -> bool:
    """Return whether an error is the cause, and not what came of a program that had ended."""
    return isinstance(error, ChainsawError) and not isinstance(error.__cause__, BrokenPipeError)


def _last(out: IO[bytes]) -> bytes:
    out.seek(max(os.fstat(out.fileno()).st_size - KEPT, 0))
    return out.read()
