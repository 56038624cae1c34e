"""A browser in front of the login: it keeps cookies by host, fills in the form, and follows nothing by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

from .machine import Machine
from .web import Answer

SESSION = "__Host-chainsaw"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Browser:
    """One visitor."""

    machine: Machine
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, url: str, **headers: str) -> Answer:
        """Ask for a page."""
        return self._asked("GET", url, headers)

    def post(self, url: str, body: str, **headers: str) -> Answer:
        """Send a form."""
        return self._asked("POST", url, {**FORM, **headers}, body)

    def log_in(self, url: str, user: str, password: str, **headers: str) -> Answer:
        """Fill in the form to which a page leads; return the answer to it."""
        parts = urlsplit(url)
        form = self.get(f"https://{parts.netloc}{self.get(url, **headers).headers['location']}")
        assert form.status == 200
        hidden = dict(re.findall(r'name="(token|to)" value="([^"]*)"', unescape(form.body)))
        sent = urlencode({**hidden, "user": user, "password": password})
        return self.post(f"https://{parts.netloc}/.chainsaw/login", sent, Origin=f"https://{parts.netloc}")

    def log_out(self, url: str) -> Answer:
        """Press the button."""
        host = urlsplit(url).netloc
        form = self.get(f"https://{host}/.chainsaw/logout")
        hidden = dict(re.findall(r'name="(token|to)" value="([^"]*)"', unescape(form.body)))
        return self.post(f"https://{host}/.chainsaw/logout", urlencode(hidden), Origin=f"https://{host}")

    def _asked(self, method: str, url: str, headers: dict[str, str], body: str = "") -> Answer:
        kept = self.cookies.setdefault(urlsplit(url).netloc, {})
        sent = "; ".join(f"{name}={value}" for name, value in kept.items())
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        options: dict[str, Any] = {"headers": {**({"Cookie": sent} if sent else {}), **named}}
        answer = self.machine.get(url, **options) if method == "GET" else self.machine.post(url, body, **options)
        for cookie in answer.cookies:
            name, _, value = cookie.partition("=")
            if value:
                kept[name] = value
            else:
                kept.pop(name, None)
        return answer
