"""The part of a benchmark that runs inside the machine, as the admin: prints its rows as JSON."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict

from .measure import BenchError


def main(name: str) -> int:
    """Run one benchmark and return the exit status."""
    try:
        rows = importlib.import_module(f"bench.{name}").rows()
    except BenchError as problem:
        print(f"bench: {name}: {problem}", file=sys.stderr)
        return 1
    json.dump([asdict(row) for row in rows], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
