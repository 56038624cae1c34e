"""Wakes an application that sleeps when its work is due, and not before.

With `ask` systemd calls this before such an application stops: the command at the end prints when its work is due, in
seconds since 1970, or nothing when none is. The file keeps that. What it prints elsewhere goes to a socket for logs.
With `wake` a timer calls it: it starts the work of an application that runs, or that sleeps while its work is due.
One that has failed is left to chainsaw-retry@.service, and one that was stopped is left alone.

Sources: systemd.service(5), ExecStop=; systemctl(1), show.
"""

import os
import subprocess
import sys
import time

PATIENCE = 20
"""Seconds that the command may take; nobody can use the application meanwhile."""
LATER = 900
"""Seconds until the work of an application that did not say when it is due."""
LONGEST = 64
"""Bytes of its answer that are read."""
NEVER, UNSAID = "never", "unsaid"


def stated(text: str) -> str:
    """Return what a command printed, as the file keeps it; raise ValueError when it is no time."""
    words = text.split()
    if not words:
        return NEVER
    if len(words) > 1 or not (words[0].isascii() and words[0].isdigit()):
        raise ValueError(f"no time, but {text!r}")
    return words[0]


def is_due(kept: str, now: float) -> bool:
    """Return whether work is due, by what the file keeps; nothing is due that is unknown."""
    return kept != NEVER and kept.isdigit() and int(kept) <= now


def write(file: str, text: str) -> None:
    """Replace the content of the file."""
    with open(f"{file}.new", "w") as new:
        new.write(f"{text}\n")
    os.replace(f"{file}.new", file)


def forget(file: str) -> None:
    """Delete the file, if there is one."""
    try:
        os.unlink(file)
    except FileNotFoundError:
        return


def read(file: str) -> str:
    """Return the time that the file keeps; nothing when it is lost."""
    try:
        with open(file) as opened:
            return opened.read(LONGEST).partition(" ")[0].strip()
    except FileNotFoundError:
        return ""


def ask(file: str, lines: str, command: list[str]) -> None:
    """Ask an application that is about to sleep; what it says beside its answer is bounded as what it logs is."""
    words = ["/usr/bin/timeout", str(PATIENCE), *command]
    said = log(lines)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said) as asked:
        os.close(said)
        assert asked.stdout
        printed = asked.stdout.read(LONGEST)
    try:
        if asked.returncode:
            raise ValueError("the command ended with an error")
        write(file, stated(printed.decode(errors="replace")))
    except ValueError as error:
        # Also after a crash, when there is nothing to ask.
        print(f"when its work is due is not known: {error}", file=sys.stderr)
        write(file, guessed())


def log(lines: str) -> int:
    """Return a descriptor for what the application says: the socket for that, or nowhere when there is none."""
    # To wake one, which is done each minute, needs none.
    import socket

    with socket.socket(socket.AF_UNIX) as relay:
        try:
            relay.connect(lines)
        except OSError:
            return os.open(os.devnull, os.O_WRONLY)
        return relay.detach()


def guessed() -> str:
    """Return what the file keeps where nothing was said."""
    return f"{int(time.time()) + LATER} {UNSAID}"


def wake(file: str, socket: str, app: str, service: str) -> None:
    """Start the service when its work may be due."""
    systemctl = ["/usr/bin/systemctl", "--user"]
    run = subprocess.run([*systemctl, "show", "-P", "ActiveState", socket, app], stdout=subprocess.PIPE, check=True)
    reached, state = run.stdout.decode().split()
    if reached != "active" or state not in ("active", "inactive"):
        return
    if state == "active":
        # What it said before it last slept: after a power cut this would be taken for the latest.
        forget(file)
    if state == "inactive":
        kept = read(file)
        if not kept.isdigit() and kept != NEVER:
            # It was not asked: after a power cut, or when it never slept before.
            write(file, guessed())
        elif not is_due(kept, time.time()):
            return
    subprocess.run([*systemctl, "start", "--no-block", service], check=True)


if __name__ == "__main__":
    verb, place, *rest = sys.argv[1:]
    if verb == "ask":
        ask(place, rest[0], rest[1:])
    else:
        wake(place, *rest)
