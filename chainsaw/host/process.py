"""Start programs and wait for them: with argument lists, never with a shell. See streams for those in a row."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TypeVar

from chainsaw.errors import ChainsawError, Diagnostic

Result = TypeVar("Result")
LAST = 200
"""How many of the lines of a program that is followed are kept, for its failure."""
KEPT = 4096
"""How many bytes are kept of what a program of the admin's prints."""
TIMED_OUT = 124
"""How timeout(1) ends when it had to end the program."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it printed."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """What it printed, as text, without the last newline."""
        return self.out.decode(errors="replace").rstrip("\n")

    @property
    def complaint(self) -> str:
        """The last lines that it printed as errors, or at all."""
        shown = (self.err or self.out).decode(errors="replace").strip().splitlines()
        return "\n".join(shown[-15:])


def run(
    argv: Sequence[str],
    *,
    within: Sequence[str] = (),
    stdin: bytes = b"",
    check: bool = True,
    extra_env: Mapping[str, str | None] | None = None,
    patience: float | None = None,
) -> Outcome:
    """Return the outcome of a program; raise ChainsawError when it fails and `check` is set, or is not installed.

    After `patience` seconds, if any are given, it is ended; its code is TIMED_OUT then. `within` are the words before
    it, of a program that runs it in another user namespace. A variable of `extra_env` that is None is removed from the
    environment.
    """
    try:
        done = subprocess.run(
            [*within, *argv],
            input=stdin,
            capture_output=True,
            check=False,
            env=_environment(extra_env),
            timeout=patience,
        )
        outcome = Outcome(done.returncode, done.stdout, done.stderr)
    except FileNotFoundError:
        raise ChainsawError(missing([*within, *argv][0])) from None
    except subprocess.TimeoutExpired:
        outcome = Outcome(TIMED_OUT, b"", f"it did not end within {patience:g} s, and was ended".encode())
    if check and outcome.code:
        raise ChainsawError(failed(argv, outcome))
    return outcome


def _environment(extra: Mapping[str, str | None] | None) -> dict[str, str]:
    return {name: value for name, value in {**os.environ, **(extra or {})}.items() if value is not None}


def run_briefly(argv: Sequence[str], patience: float, stdin: str = "") -> str:
    """Return what a program printed until it ended, or until it was stopped because it took longer, in seconds."""
    try:
        with subprocess.Popen(
            list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                out, _ = process.communicate(stdin.encode(), timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
    except FileNotFoundError:
        raise ChainsawError(missing(argv[0])) from None
    return out.decode(errors="replace")


def run_for(argv: Sequence[str], environment: Mapping[str, str], patience: float, stdin: str) -> Outcome:
    """Return the outcome of a program of the admin's, which has that environment and nothing else.

    After `patience` seconds it is ended, with all that it has started; its code is TIMED_OUT then. The last KEPT bytes
    of what it prints are kept. Raise OSError when it cannot be started.
    """
    pipe = subprocess.PIPE
    with tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        # A process group of its own, so that what it has started ends with it.
        process = subprocess.Popen(
            list(argv),
            stdin=given,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=environment["HOME"],
            start_new_session=True,
        )
    kept = bytearray()
    reader = threading.Thread(target=_keep_last, args=(process.stdout, kept), daemon=True)
    reader.start()
    try:
        code = process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        code = TIMED_OUT
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # What it left running may hold the pipe open.
    reader.join(timeout=1)
    return Outcome(code, bytes(kept), b"")


def _keep_last(stream: IO[bytes], kept: bytearray) -> None:
    with suppress(ValueError, OSError):
        while chunk := os.read(stream.fileno(), 65536):
            kept += chunk
            del kept[:-KEPT]


def follow(argv: Sequence[str], line: Callable[[str], None], within: Sequence[str] = ()) -> Outcome:
    """Run a program, pass on each line that it prints, and return its outcome; raise ChainsawError if it fails."""
    try:
        process = subprocess.Popen(
            [*within, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except FileNotFoundError:
        raise ChainsawError(missing([*within, *argv][0])) from None
    lines: deque[bytes] = deque(maxlen=LAST)
    assert process.stdout is not None
    with process:
        for raw in process.stdout:
            lines.append(raw)
            line(raw.decode(errors="replace").rstrip())
    outcome = Outcome(process.returncode, b"".join(lines), b"")
    if outcome.code:
        raise ChainsawError(failed(argv, outcome))
    return outcome


def pipe(
    argv: Sequence[str],
    consume: Callable[[IO[bytes]], Result],
    accepted: Sequence[int] = (0,),
    extra_env: Mapping[str, str | None] | None = None,
) -> Result:
    """Pass the output of a program to a function while it runs, and return the function's result.

    Raise ChainsawError when it ends with none of the accepted codes. A variable of `extra_env` that is None is removed.
    """
    # A pipe for errors that is not read would fill up, and the program would wait for ever.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_environment(extra_env)
            )
        except FileNotFoundError:
            raise ChainsawError(missing(argv[0])) from None
        assert process.stdout is not None
        with process:
            try:
                result = consume(process.stdout)
            except Exception as error:
                process.stdout.close()
                outcome = Outcome(process.wait(), b"", _read_again(errors))
                # If the program failed, its own message explains more than the reader's error about missing output.
                # But a ChainsawError of the reader is the cause, and the program failed because reading stopped.
                known = isinstance(error, ChainsawError) or not outcome.code
                raise error if known else ChainsawError(failed(argv, outcome)) from error
            process.stdout.close()
        outcome = Outcome(process.returncode, b"", _read_again(errors))
    if outcome.code not in accepted:
        raise ChainsawError(failed(argv, outcome))
    return result


def feed(argv: Callable[[int], Sequence[str]], pieces: Iterable[bytes]) -> bytes:
    """Return what a program prints that reads pieces from a descriptor; raise ChainsawError if it fails.

    The arguments are made with the number of the descriptor. Neither side waits for the other but for the pieces: what
    the program prints goes to the disk.
    """
    reading, writing = os.pipe()
    words = argv(reading)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors, open(writing, "wb") as pipe:
        try:
            process = subprocess.Popen(
                list(words), stdin=subprocess.DEVNULL, stdout=out, stderr=errors, pass_fds=[reading]
            )
        except FileNotFoundError:
            raise ChainsawError(missing(words[0])) from None
        finally:
            os.close(reading)
        # The pipe is closed before the end of the program is waited for. One that ends early says why on stderr.
        with process, suppress(BrokenPipeError), pipe:
            pipe.writelines(pieces)
        outcome = Outcome(process.returncode, _read_again(out), _read_again(errors))
    if outcome.code:
        raise ChainsawError(failed(words, outcome))
    return outcome.out


def _read_again(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def missing(program: str) -> Diagnostic:
    """Return what is said of a program that is not there."""
    return Diagnostic("no-program", f"{program} is not installed", hint="sudo apt install chainsaw")


def failed(argv: Sequence[str], outcome: Outcome) -> Diagnostic:
    """Return what is said of a program that has failed, without what it was given."""
    shown = " ".join([word for word in argv if not word.startswith("-")][:3])
    why = ", as it took too long" if outcome.code == TIMED_OUT else ""
    return Diagnostic("program-failed", f"{shown} … ended with {outcome.code}{why}:\n{outcome.complaint}")
