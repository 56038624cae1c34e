"""Programs that may hang, such as those that wait for another host: one that makes no progress is ended.

What counts is what a program reads and writes itself (proc_pid_io(5)), but for what it prints of its own state.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import process

NOISE = 4096
"""Bytes that are no progress: a program that waits reads a clock, or tries again."""
GRACE = 10
"""Seconds that a program has to leave things in order."""
LAST = 1000
"""How many of the lines of a program are kept."""
CHUNK = 1 << 20


@dataclass
class Watch:
    """A program that runs, and how long it may do nothing, in seconds."""

    running: subprocess.Popen[bytes]
    errors: IO[bytes]
    patience: float
    printed: int = 0
    hung: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """End the program when it hangs; return when it has ended."""
        known, since = 0, time.monotonic()
        while not self.over.wait(min(1, self.patience / 4)):
            moved = self._moved()
            if moved > known + NOISE:
                known, since = moved, time.monotonic()
            elif time.monotonic() - since > self.patience:
                self.hung = True
                self.end()
                return

    def _moved(self) -> int:
        """Return how many bytes it has read and written."""
        try:
            with open(f"/proc/{self.running.pid}/io") as file:
                known = dict(line.split(": ") for line in file)
        except OSError:
            return 0
        return int(known["rchar"]) + int(known["wchar"]) - self.printed - os.fstat(self.errors.fileno()).st_size

    def end(self) -> None:
        """End the program, and all that it has started."""
        for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.running.wait(seconds)
                return


@dataclass(frozen=True)
class Program:
    """A program, its whole environment, and how many seconds it may make no progress."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    patience: float

    def follow(self, line: Callable[[str], None]) -> process.Outcome:
        """Run it, pass on each line that it prints, and return its outcome with the last of them."""
        lines: deque[bytes] = deque(maxlen=LAST)
        with self._running(subprocess.DEVNULL, subprocess.PIPE) as watch:
            assert watch.running.stdout
            for raw in watch.running.stdout:
                watch.printed += len(raw)
                lines.append(raw)
                line(raw.decode(errors="replace"))
        return self._outcome(watch, b"".join(lines))

    def feed(self, pieces: Iterable[bytes]) -> process.Outcome:
        """Run it with pieces as its input, and return its outcome; if making them fails, it is ended before it ends."""
        with tempfile.TemporaryFile() as out:
            with self._running(subprocess.PIPE, out) as watch:
                assert watch.running.stdin
                with suppress(BrokenPipeError):
                    for piece in pieces:
                        watch.running.stdin.write(piece)
                    watch.running.stdin.close()
            out.seek(0)
            return self._outcome(watch, out.read())

    @contextmanager
    def drawn(self, judge: Callable[[process.Outcome], None]) -> Iterator[IO[bytes]]:
        """Give what it prints as a stream, and have its outcome judged; who stops reading before the end, ends it."""
        with self._running(subprocess.DEVNULL, subprocess.PIPE) as watch:
            stream = watch.running.stdout
            assert stream
            yield stream
            stopped = bool(stream.read(1))
            if stopped:
                watch.end()
        if not stopped:
            judge(self._outcome(watch, b""))
        watch.errors.close()

    @contextmanager
    def _running(self, source: int, out: int | IO[bytes]) -> Iterator[Watch]:
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # it is read when the program has ended
        try:
            # A process group of its own, so that what it has started ends with it.
            running = subprocess.Popen(
                list(self.argv), stdin=source, stdout=out, stderr=errors, env=dict(self.environment),
                start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise ChainsawError(process.missing(self.argv[0])) from None
        watch = Watch(running, errors, self.patience)
        watcher = threading.Thread(target=watch.watch, daemon=True)
        watcher.start()
        try:
            yield watch
            running.wait()
        except BaseException:
            watch.end()
            raise
        finally:
            watch.over.set()
            watcher.join()
            for stream in (running.stdin, running.stdout):
                with suppress(BrokenPipeError):
                    if stream:
                        stream.close()

    def _outcome(self, watch: Watch, out: bytes) -> process.Outcome:
        """Return how it ended; raise ChainsawError if it was ended because it did not go on."""
        watch.errors.seek(0)
        outcome = process.Outcome(watch.running.returncode, out, watch.errors.read())
        watch.errors.close()
        if watch.hung:
            said = process.Outcome(outcome.code, b"", outcome.err).complaint
            message = (
                f"it made no progress for {self.patience:.0f} seconds and was ended{said and ':'}\n{said}".rstrip()
            )
            raise ChainsawError(Diagnostic("stalled", message, hint="see whether the place of the backups answers"))
        return outcome
