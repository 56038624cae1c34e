"""What is run of a backup as a program: `python3 -I -X utf8 program.py pack WORD...`, or another of PROGRAMS.

It runs as root of a user namespace. It ends with 3 for what is not taken, and with 1 for what this host cannot do.
"""

from __future__ import annotations

import importlib
import os
import sys

REFUSED = 3
PROGRAMS = {
    "pack": "packer",
    "list": "lister",
    "unpack": "unpacker",
    "check": "checker",
    "database": "database",
    "place": "placer",
}


def main(argv: list[str]) -> int:
    """Run one of them; print what went wrong."""
    # -I leaves out where this program is.
    sys.path.insert(0, os.path.abspath(f"{__file__}/../../../.."))
    from chainsaw.host.bundle.form import RefusedError

    try:
        return int(importlib.import_module(f"chainsaw.host.bundle.{PROGRAMS[argv[0]]}").main(argv[1:]))
    except RefusedError as error:
        _end(str(error), REFUSED)
    except OSError as error:
        _end(f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror), 1)
    return 1


def _end(message: str, code: int) -> None:
    """End at once: whoever reads what this writes must not see its end before it has ended, nor what is not written."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
