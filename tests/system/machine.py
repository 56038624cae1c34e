"""The machine that the tests drive: commands in it, files in it, requests to it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nspawn import enter
from nspawn import machine as nspawn
from nspawn.host import Process

from .web import Answer, ask

LAUNCHER = Path(__file__).resolve().parents[1] / "machine"
HOME = "/home/admin"
CONFIG = f"{HOME}/.config/chainsaw"
DATA = f"{HOME}/.local/share/chainsaw"
STATE = f"{HOME}/.local/state/chainsaw"
QUADLETS = f"{HOME}/.config/containers/systemd/chainsaw"
UNITS = f"{HOME}/.local/share/systemd/user"
STEPS = f"{HOME}/steps"
TIMEOUT = 1200.0
RECIPES = "/usr/share/chainsaw/recipes"


@dataclass(frozen=True)
class Done:
    """How a command ended; a code below 0 is the signal that ended it."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def problems(self) -> str:
        """What it printed on stderr, but for the lines on what took long."""
        return re.sub(r"^.*, since [0-9:]{8}\n", "", self.err, flags=re.MULTILINE)

    def __str__(self) -> str:
        """Return all that a failed assertion should show."""
        return f"{' '.join(self.argv)} ended with {self.code}\n{self.out}\n{self.err}"


class Machine:
    """One machine of tests/machine, by its name."""

    def __init__(self, name: str) -> None:
        """Take the name; nothing is started."""
        self.name = name

    # Commands

    def verb(self, *words: str) -> str:
        """Run a command of tests/machine for this machine, which must succeed."""
        done = run([str(LAUNCHER), "--name", self.name, *words], words)
        assert done.code == 0, str(done)
        return done.out

    def try_admin(self, *command: str, stdin: str = "") -> Done:
        """Run a command as the admin, and return its result."""
        return run([*self._into_admin, *command], command, stdin)

    def try_root(self, *command: str, stdin: str = "") -> Done:
        """Run a command as root, and return its result."""
        return run([*self._into_root, *command], command, stdin)

    def admin(self, *command: str, stdin: str = "") -> str:
        """Run a command as the admin, which must succeed; return what it printed."""
        done = self.try_admin(*command, stdin=stdin)
        assert done.code == 0, str(done)
        return done.out

    def root(self, *command: str, stdin: str = "") -> str:
        """Run a command as root, which must succeed; return what it printed."""
        done = self.try_root(*command, stdin=stdin)
        assert done.code == 0, str(done)
        return done.out

    def begin(self, *command: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a command as the admin that runs while the test continues."""
        pipe = subprocess.PIPE
        argv = [*self._into_admin, *command]
        return subprocess.Popen(argv, stdin=stdin, stdout=pipe, stderr=pipe, text=True)

    @property
    def _leader(self) -> Process:
        return nspawn.Machine(self.name).running()

    @property
    def _into_root(self) -> list[str]:
        return enter.as_root(self._leader)

    @property
    def _into_admin(self) -> list[str]:
        """Return what `tests/machine admin` becomes: a Python for each command would take most of the time."""
        return ["prlimit", "--nofile=1024:", *enter.as_admin(self._leader)]

    def chainsaw(self, *words: str, code: int | None = 0, fault: str = "") -> Done:
        """Run chainsaw as the admin; it must end with a code, unless that is None."""
        before = ["env", f"CHAINSAW_FAULT={fault}", f"CHAINSAW_STEPS={STEPS}"] if fault else []
        done = self.try_admin(*before, "chainsaw", *words)
        assert code is None or done.code == code, f"expected {code}: {done}"
        return done

    def steps(self) -> list[str]:
        """Return the steps of the commands with a fault since the last call."""
        found = self.read(STEPS).splitlines()
        self.admin("rm", STEPS)
        return found

    def json(self, *words: str, code: int | None = 0) -> dict[str, Any]:
        """Run chainsaw with --json and return the envelope."""
        done = self.chainsaw(*words, "--json", code=code)
        envelope = json.loads(done.out)
        assert envelope["exit"] == done.code, str(done)
        return dict(envelope)

    def plan(self) -> list[dict[str, Any]]:
        """Return the actions that an apply would take."""
        return list(self.json("plan")["data"]["actions"])

    def inside(self, container: str, *command: str, stdin: str = "") -> str:
        """Run a command in a container as its user, as an app that was taken over would."""
        return self.admin("podman", "exec", "-i", container, *command, stdin=stdin)

    def inside_as_root(self, container: str, *command: str) -> Done:
        """Run a command in a container as its root, with all capabilities that this root could ever have."""
        return self.try_admin("podman", "exec", "--privileged", "--user=0", container, *command)

    # Files

    def seen(self, path: str) -> Path:
        """Return where a file of the machine is seen from here; as long as it runs."""
        return Path(f"/proc/{self._leader.pid}/root{path}")

    def read(self, path: str) -> str:
        """Return a file."""
        return self.root("cat", path)

    def write(self, path: str, content: str) -> None:
        """Write a file as the admin."""
        self.admin("sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', path, stdin=content)

    def declare(self, name: str, recipe: str, route: str = "", **settings: object) -> None:
        """Write the file of an instance, as an admin does with an editor."""
        lines = [f"recipe: {recipe}", f"route: {route or f'https://{name}.localhost/'}"]
        lines += (
            ["settings:", *(f"  {key}: {json.dumps(value)}" for key, value in settings.items())] if settings else []
        )
        self.write(f"{CONFIG}/instances/{name}.yaml", "\n".join(lines) + "\n")

    def append(self, name: str, line: str) -> None:
        """Add a line to the file of an instance."""
        path = f"{CONFIG}/instances/{name}.yaml"
        self.write(path, f"{self.read(path)}{line}\n")

    def retract(self, *names: str) -> None:
        """Remove the files of instances, if they are there."""
        self.admin("rm", "-f", *(f"{CONFIG}/instances/{name}.yaml" for name in names))

    @contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """Have an instance of each of these recipes, with the recipe's name, for as long as it lasts."""
        for name in names:
            self.declare(name, name)
        self.chainsaw("apply")
        yield
        self.purge(*names)

    def purge(self, *names: str) -> None:
        """Remove instances with all their data."""
        self.retract(*names)
        self.chainsaw("apply")
        places = [f"{DATA}/{kind}/{name}" for kind in ("instances", "public") for name in names]
        places += [f"{DATA}/front/certificates/{name}.localhost" for name in names]
        places += [f"{DATA}/front/issued/{name}.localhost.json" for name in names]
        places += [f"{CONFIG}/notes/{name}.md" for name in names]
        self.root("rm", "-rf", *places)

    def start_over(self) -> None:
        """Remove everything that chainsaw made, except images."""
        self.admin("rm", "-rf", CONFIG)
        self.admin("systemctl", "--user", "stop", "app@*", "chainsaw*")
        self.root("rm", "-rf", DATA, STATE, UNITS, QUADLETS)
        self.admin("systemctl", "--user", "daemon-reload")
        self.__dict__.pop("authority", None)

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""
        return self.try_root("test", "-e", path).code == 0

    # State of chainsaw and systemd

    def generation(self) -> int:
        """Return the number of the current generation, 0 for none."""
        done = self.try_root("readlink", f"{STATE}/generations/current")
        return int(done.out) if done.code == 0 else 0

    def block(self, name: str) -> int:
        """Return the first host id of an instance."""
        return int(json.loads(self.read(f"{DATA}/instances/{name}/record.json"))["block"])

    def invocations(self) -> dict[str, str]:
        """Return the invocation of each of our units that is up: another id is another start."""
        properties = ["--property=Id", "--property=InvocationID", "--state=active"]
        text = self.admin("systemctl", "--user", "show", *properties, "app@*", "chainsaw-*")
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
        # A service of a timer starts and stops by itself.
        return {block["Id"]: block["InvocationID"] for block in blocks if not block["Id"].endswith(".cron.service")}

    def units(self, pattern: str) -> list[str]:
        """Return the units of a pattern that are not inactive, or that are there at all as files."""
        known = self.admin("systemctl", "--user", "list-units", "--all", "--plain", "--no-legend", pattern)
        files = self.try_admin("systemctl", "--user", "list-unit-files", "--plain", "--no-legend", pattern)
        return sorted({line.split()[0] for line in (known + files.out).splitlines() if line.strip()})

    def journal(self, *words: str) -> str:
        """Return the journal of the admin's units."""
        return self.admin("journalctl", "--user", "--no-pager", *words)

    # The web

    @cached_property
    def address(self) -> str:
        """Return the machine's address as the host sees it."""
        return self.verb("address").strip()

    def get(self, url: str, **options: Any) -> Answer:
        """Ask from outside the machine, over TLS that the authority of the site vouches for."""
        return ask(self.address, self.authority, "GET", url, **options)

    def post(self, url: str, body: str | bytes, **options: Any) -> Answer:
        """Send from outside the machine."""
        return ask(self.address, self.authority, "POST", url, body=body, **options)

    @cached_property
    def authority(self) -> str:
        """Return the certificate of the local authority."""
        return self.read(f"{DATA}/front/authority/ca.pem")

    def curl(self, url: str, *options: str) -> str:
        """Ask inside the machine with curl, as the admin would; return the body."""
        self.write(f"{HOME}/ca.pem", self.authority)
        return self.admin("curl", "-sS", "--fail", "--max-time", "20", "--cacert", f"{HOME}/ca.pem", *options, url)

    def serves(self, url: str, text: str, seconds: float = 30) -> None:
        """Wait until a page holds a text; the test fails when it does not in time."""
        last = wait(lambda: text in str(self.try_get(url)), seconds)
        assert last, f"{url} does not show {text!r}: {self.try_get(url)}"

    def refuses(self, url: str) -> None:
        """Wait until a host name is unknown: old workers of the front may still answer for a moment."""
        assert wait(lambda: "UNRECOGNIZED_NAME" in str(self.try_get(url)), 5), f"{url}: {self.try_get(url)}"

    def newcomer(self, address: str) -> str:
        """Have a further address of IPv6, which nobody has used yet; return it as it stands in a URL."""
        self.root("ip", "-6", "address", "add", f"{address}/64", "dev", "host0", "nodad")
        return f"[{address}]"

    def try_get(self, url: str) -> object:
        """Return an answer, or the reason why there is none."""
        try:
            return self.get(url).body
        except OSError as problem:
            return problem


def run(argv: Sequence[str], shown: Sequence[str], stdin: str = "") -> Done:
    """Run a program and return its result."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, errors="replace", timeout=TIMEOUT)
    return Done(tuple(shown), done.returncode, done.stdout, done.stderr)


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
