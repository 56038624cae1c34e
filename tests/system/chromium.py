"""A real browser: Chromium in the machine, driven over the WebDriver protocol (W3C), which keeps its console."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .machine import Machine, wait

PORT = 9515
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which the protocol names an element."""
INSTALL = """\
set -e
apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver libnss3-tools "$@" > /dev/null
useradd --create-home visitor
"""
TRUST = """\
set -e
mkdir -p ~/.pki/nssdb
certutil -d sql:$HOME/.pki/nssdb -N --empty-password
certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n pebble -i /usr/local/share/ca-certificates/pebble.crt
"""
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1200,900"]
OPTIONS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Chromium:
    """One browser, with a window."""

    def __init__(self, address: str) -> None:
        """Open a window; the driver listens at the address."""
        self._at = f"http://{address}:{PORT}"
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": OPTIONS},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        opened = self._tell("/session", {"capabilities": {"alwaysMatch": wanted}})
        self._at += f"/session/{opened['sessionId']}"

    def _tell(self, what: str, words: dict[str, Any] | None = None, method: str = "POST") -> Any:
        body = None if words is None else json.dumps(words).encode()
        request = urllib.request.Request(self._at + what, body, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> str:
        """Open a page; return the address at which the browser is then."""
        self._tell("/url", {"url": url})
        return str(self._tell("/url", method="GET"))

    def run(self, script: str) -> Any:
        """Return what a script returns."""
        return self._tell("/execute/sync", {"script": script, "args": []})

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.run("return document.body.innerText"))

    def fill(self, name: str, value: str) -> None:
        """Type into a field of a form."""
        self._tell(f"/element/{self._found(f'[name={name}]')}/value", {"text": value})

    def press(self, where: str) -> None:
        """Press what a selector of CSS finds."""
        self._tell(f"/element/{self._found(where)}/click", {})

    def _found(self, where: str) -> str:
        return str(self._tell("/element", {"using": "css selector", "value": where})[ELEMENT])

    def console(self) -> list[str]:
        """Return what the console has said since it was asked last: mixed content is among it."""
        return [f"{line['level']}: {line['message']}" for line in self._tell("/se/log", {"type": "browser"})]

    def close(self) -> None:
        """Close the window."""
        self._tell("", method="DELETE")


def install(machine: Machine, *more: str) -> None:
    """Install Chromium from Debian, for a user of its own, and more; names still have to be those of the internet."""
    machine.root("sh", "-c", INSTALL, "sh", *more)


@contextmanager
def browsing(machine: Machine) -> Iterator[Chromium]:
    """Yield a browser that trusts the authority of the tests beside its own."""
    machine.root("runuser", "-u", "visitor", "--", "sh", "-c", TRUST)
    words = ["--uid=visitor", "--setenv=HOME=/home/visitor", "chromedriver", f"--port={PORT}", "--allowed-ips="]
    machine.root("systemd-run", "--quiet", "--unit=chromium", *words, "--allowed-origins=*")
    try:
        assert wait(lambda: is_up(machine), 20)
        browser = Chromium(machine.address)
        yield browser
        browser.close()
    finally:
        machine.root("systemctl", "stop", "chromium")


def is_up(machine: Machine) -> bool:
    """Return whether the driver answers."""
    try:
        with urllib.request.urlopen(f"http://{machine.address}:{PORT}/status", timeout=5) as answer:
            return bool(json.load(answer)["value"]["ready"])
    except OSError:
        return False
