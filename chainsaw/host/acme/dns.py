"""DNS-01 by a script with the interface of acme.sh: dns_X_add NAME VALUE and dns_X_rm NAME VALUE."""

from __future__ import annotations

import base64
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from chainsaw.errors import ChainsawError
from chainsaw.host import files, process
from chainsaw.host.acme.failure import AcmeError, plain
from chainsaw.model.renewal import Kind, Said

ACME_SH = "/usr/share/acme.sh/acme.sh"
SCRIPTS = "/usr/share/acme.sh/dnsapi"
"""Where Debian's package acme.sh has the script of each provider."""
HOOK = re.compile(r"dns_[a-z0-9_]{1,40}")
HOOK_SECONDS = 300
PAUSE = 5.0
RUNNER = """
hook=$1 function=$2 name=$3 value=$4
set --
umask 077
if [ -r "$ACME_SH" ]; then . "$ACME_SH" > /dev/null || exit 90; fi
. "$hook" || exit 91
"$function" "$name" "$value"
"""
"""Read without arguments acme.sh shows its help alone; what the scripts need of it is defined then."""


@dataclass(frozen=True)
class DnsHook:
    """A script (dns_X, or the path of a file dns_X.sh), and the file with its credentials as NAME=VALUE lines.

    `settle` is for how many seconds the name servers of the zone may need; with dig(1) it is waited only until they
    have it. `servers` are asked instead of those, as ADDRESS or ADDRESS:PORT.
    """

    script: str
    credentials: str = ""
    settle: float = 60.0
    servers: tuple[str, ...] = ()
    acme_sh: str = ACME_SH


@dataclass
class DnsChallenger:
    """DNS-01 (RFC 8555, 8.4): a TXT record at _acme-challenge.NAME."""

    hook: DnsHook
    progress: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    shown: dict[tuple[str, str], None] = field(default_factory=dict)

    kind = "dns-01"

    def present(self, identifier: str, token: str, key_authorization: str) -> None:
        """Add the record of a name."""
        name, value = record_of(identifier, key_authorization)
        # It is noted before, as a script that fails may have added it.
        self.shown[name, value] = None
        self._run("add", identifier, name, value)

    def settle(self) -> None:
        """Wait until the name servers show what was added, or for as long as they may need."""
        if not shutil.which("dig"):
            self.progress(f"waiting {self.hook.settle:.0f} seconds for the name servers (dig is not installed)")
            self.sleep(self.hook.settle)
            return
        until = time.monotonic() + self.hook.settle
        for name, value in self.shown:
            while not is_shown(name, value, self.hook.servers):
                if time.monotonic() + PAUSE > until:
                    self.progress(f"{name}: not all name servers have the record yet; the authority is asked anyway")
                    return
                self.sleep(PAUSE)

    def remove(self, identifier: str, token: str, key_authorization: str) -> None:
        """Remove the record of a name."""
        name, value = record_of(identifier, key_authorization)
        self._run("rm", identifier, name, value)
        self.shown.pop((name, value), None)

    def _run(self, verb: str, identifier: str, name: str, value: str) -> None:
        script = script_of(self.hook.script)
        credentials = read_credentials(self.hook.credentials) if self.hook.credentials else {}
        function = f"{os.path.basename(script).removesuffix('.sh')}_{verb}"
        # What acme.sh keeps, such as the credentials, is gone with this directory.
        with tempfile.TemporaryDirectory(prefix="chainsaw-dns-") as home:
            environment = {**_environment(home, self.hook.acme_sh), **credentials}
            argv = ["timeout", "-k", "10", str(HOOK_SECONDS), "sh", "-c", RUNNER, self.hook.acme_sh]
            outcome = process.run([*argv, script, function, name, value], check=False, extra_env=environment)
        if outcome.code:
            text = plain(_without(outcome.complaint, credentials)) or f"it ended with {outcome.code}"
            why = "took too long" if outcome.code == process.TIMED_OUT else text
            raise AcmeError(Kind.DNS, [Said(text=f"{function}: {why}", identifier=identifier)])


def record_of(identifier: str, key_authorization: str) -> tuple[str, str]:
    """Return the name and the content of the TXT record of a challenge."""
    digest = sha256(key_authorization.encode()).digest()
    return f"_acme-challenge.{identifier}", base64.urlsafe_b64encode(digest).decode().rstrip("=")


def script_of(name: str) -> str:
    """Return the path of a script; raise AcmeError when there is none."""
    path = name if name.startswith("/") else f"{SCRIPTS}/{name}.sh"
    if not HOOK.fullmatch(os.path.basename(path).removesuffix(".sh")):
        raise AcmeError(Kind.SETTINGS, f"{name}: a script for DNS is called dns_ and a word")
    if not os.path.isfile(path):
        hint = "" if name.startswith("/") else "; Debian's package acme.sh has those of many providers"
        raise AcmeError(Kind.SETTINGS, f"{path}: there is no such script for DNS{hint}")
    return path


def read_credentials(path: str) -> dict[str, str]:
    """Return the variables of a file; raise AcmeError when others may read it, or for what is no variable."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as error:
        raise AcmeError(Kind.SETTINGS, f"{path}: cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise AcmeError(Kind.SETTINGS, f"{path}: others may read these credentials; chmod 600 {path}")
    found = {}
    for number, line in enumerate((files.read_text(path) or "").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*", line)
        if not match:
            raise AcmeError(Kind.SETTINGS, f"{path}:{number}: is not NAME=VALUE")
        value = match[2]
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[match[1]] = value[1:-1] if quoted else value
    return found


def _environment(home: str, acme_sh: str) -> dict[str, str | None]:
    return {
        "HOME": home,
        "LE_WORKING_DIR": home,
        "LE_CONFIG_HOME": home,
        "DOMAIN_CONF": f"{home}/domain.conf",
        "ACME_SH": acme_sh,
        "NO_COLOR": "1",
        "LOG_FILE": None,
        "ENV": None,
    }


def _without(text: str, credentials: Mapping[str, str]) -> str:
    for value in credentials.values():
        if len(value) > 3:
            text = text.replace(value, "…")
    return text


def is_shown(name: str, value: str, servers: tuple[str, ...] = ()) -> bool:
    """Return whether all name servers of a name that answer have a TXT record, and one does."""
    answers = [_dig("TXT", name, server) for server in servers or _authoritative(name)]
    shown = [f'"{value}"' in answer for answer in answers if answer is not None]
    return bool(shown) and all(shown)


def _authoritative(name: str) -> list[str]:
    """Return the name servers of the zone that a name is in."""
    labels = name.split(".")
    for start in range(1, len(labels) - 1):
        found = _dig("NS", ".".join(labels[start:]), "")
        if found:
            return [server.rstrip(".") for server in found if re.fullmatch(r"[A-Za-z0-9.-]+", server)]
    return []


def _dig(kind: str, name: str, server: str) -> list[str] | None:
    """Return the lines of an answer; None when there is none."""
    address, _, port = server.partition(":")
    at = [f"@{address}", *(["-p", port] if port else [])] if server else []
    try:
        done = process.run(["dig", "+short", "+time=3", "+tries=1", *at, name, kind], check=False)
    except ChainsawError:
        return None
    lines = done.text.splitlines()
    return None if done.code or any(line.startswith(";") for line in lines) else lines
