"""What chainsaw runs in the machine, driven as an admin drives it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from .measure import do, say

CONFIG = Path.home() / ".config/chainsaw"
DATA = Path.home() / ".local/share/chainsaw"
STATE = Path.home() / ".local/state/chainsaw"
TITLE = "Walks by the sea"


def host(name: str) -> str:
    """Return the host name of an instance."""
    return f"{name}.localhost"


def declare(name: str, recipe: str, title: str = TITLE) -> None:
    """Write the file of an instance."""
    lines = [f"recipe: {recipe}", f"route: https://{host(name)}/"]
    if recipe == "wordpress":
        lines += ["settings:", f"  title: {json.dumps(title)}"]
    file = CONFIG / "instances" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*lines, ""]))


def retract(name: str) -> None:
    """Delete the file of an instance."""
    (CONFIG / "instances" / f"{name}.yaml").unlink()


def apply(*names: str) -> None:
    """Apply the declared state to the host."""
    do("chainsaw", "apply", *names)


def wait_until_quiet(what: str, *names: str) -> None:
    """Apply, and return how long it took."""
    began = time.monotonic()
    say(f"{what} …")
    apply(*names)
    say(f"{what}: {time.monotonic() - began:.1f} s")


def know(*names: str) -> None:
    """Let programs that ask the system for addresses find instances."""
    known = Path("/etc/hosts").read_text().split()
    lines = [f"127.0.0.1 {host(name)}\n" for name in names if host(name) not in known]
    do("sudo", "tee", "-a", "/etc/hosts", text="".join(lines))
