"""The part of a benchmark that runs outside: prepares the machine for each, and prints the table."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from .measure import BenchError, say
from .report import Row, table

HERE = Path(__file__).resolve().parent
LAUNCHER = HERE.parent / "machine"
BENCHES = {
    "cli": "--version, and apply with nothing to do for 1 to 100 instances; peers: podman, podman-compose",
    "start": "apply, and restart, to the first page; peers: podman run, podman-compose",
    "load": "requests per second and their 99th percentile; peer: the same nginx on a published port",
    "backups": "a backup and a restore of a volume; peers: tar and zstd, podman volume export",
    "crowd": "pages a second that the front keeps, and a crowd of 500; peer: made for each",
    "failures": "failed requests while instances come and go, and during restarts; peer: podman stop, podman start",
    "memory": "idle memory; peer: upstream's usual layout from the same packages",
    "disk": "what a second instance adds; peer: native overlay",
    "traffic": "a million requests in the journal, counted; peer: GoAccess",
}
EPILOG = """\
The machine is the one named by $CHAINSAW_MACHINE, or else "bench". Its admin's account is emptied before each
benchmark: everything there but the images is lost. Figures of a busy host mean little; compare within a row.
"""


def main(argv: Sequence[str]) -> int:
    """Run what was named, or all, and return the exit status."""
    lines = "".join(f"  {name:<10}{what}\n" for name, what in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description=__doc__.splitlines()[0] if __doc__ else "",
        epilog=f"benchmarks:\n{lines}\n{EPILOG}", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks (default: all)")
    parser.add_argument("--as-is", action="store_true", help="measure the chainsaw that is installed in the machine")
    options = parser.parse_args(argv)
    unknown = set(options.names) - set(BENCHES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    try:
        return _run(options.names or list(BENCHES), as_is=options.as_is)
    except BenchError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1


def _run(names: Sequence[str], *, as_is: bool) -> int:
    _machine("up")
    if not as_is:
        _machine("install")
    _copy()
    rows: list[Row] = []
    failed = []
    for name in names:
        say(f"{name}: load of the host {' '.join(map(str, os.getloadavg()))}")
        _empty()
        measured = _measure(name)
        if measured is None:
            failed.append(name)
        else:
            rows += measured
    _machine("reset")
    sys.stdout.write(table(rows))
    if failed:
        say(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


def _words(*words: str) -> list[str]:
    return [str(LAUNCHER), "--name", os.environ.get("CHAINSAW_MACHINE", "bench"), *words]


def _machine(*words: str) -> None:
    if subprocess.run(_words(*words), stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode:
        raise BenchError(f"tests/machine {' '.join(words)} failed")


def _empty() -> None:
    """Give the admin an empty account with a prepared host and the images of before."""
    _machine("reset")
    _machine("admin", "--", "sudo", "chainsaw", "setup")
    _machine("base")


def _copy() -> None:
    """Put this package into the machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(HERE, "bench", filter=_plain)
    unpack = "rm -rf /opt/bench && tar -x -C /opt --no-same-owner"
    subprocess.run(_words("root", "--", "sh", "-c", unpack), input=packed.getvalue(), check=True)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in member.name else member


def _measure(name: str) -> list[Row] | None:
    inside = ["admin", "--", "env", "-C", "/opt", "python3", "-B", "-m", "bench", name]
    done = subprocess.run(_words(*inside), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return None if done.returncode else [Row(**row) for row in json.loads(done.stdout)]
