"""A site with users, and browsers that visit its login; all in this process, with a clock of its own."""

from __future__ import annotations

import base64
import importlib
import io
import json
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import argon2
import pyotp
import pytest

PROGRAM = Path(__file__).parents[2] / "quadlets/images/login"
KEY = "k" * 64
NOON = 1_790_000_000
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "correct horse battery"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def import_program():
    """Import the program, and leave nothing beside it: its directory is what the image is built of."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(PROGRAM))
    for module in pkgutil.iter_modules([str(PROGRAM / "chainsaw_login")]):
        importlib.import_module(f"chainsaw_login.{module.name}")
    sys.dont_write_bytecode = before


import_program()


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: str

    def __getitem__(self, name):
        return next((value for key, value in self.headers if key == name), None)

    def cookies(self):
        return [value for key, value in self.headers if key == "Set-Cookie"]

    def field(self, name):
        found = re.search(rf'name="{name}" value="([^"]*)"', self.body)
        return found[1].replace("&amp;", "&") if found else None


@dataclass
class Browser:
    """One that keeps cookies, at one address, as the front shows it to the service."""

    app: Callable[..., Any]
    address: str = "192.0.2.1"
    host: str = "blog.example.org"
    shown: str = ""
    jar: dict[str, str] = field(default_factory=dict)

    def ask(self, method, path, body="", **headers):
        bare, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": bare,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body.encode()),
            "HTTP_HOST": self.host,
            "HTTP_X_FORWARDED_PROTO": "https",
            "HTTP_X_REAL_IP": self.address,
            "HTTP_X_CHAINSAW_CLIENT": self.shown or self.address,
            "HTTP_X_CHAINSAW_INSTANCE": "blog",
            "HTTP_COOKIE": "; ".join(f"{key}={value}" for key, value in self.jar.items()),
        }
        environ |= {name.upper(): value for name, value in headers.items()}
        got = []
        content = b"".join(self.app(environ, lambda status, sent: got.append((int(status[:3]), sent))))
        reply = Reply(*got[0], content.decode())
        for cookie in reply.cookies():
            self._keep(cookie)
        return reply

    def _keep(self, cookie):
        assert cookie.split("; ")[1:5] == ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]
        name, _, value = cookie.partition(";")[0].partition("=")
        assert name.startswith("__Host-")
        self.jar.pop(name, None)
        if not cookie.endswith("Max-Age=0"):
            self.jar[name] = value

    def form(self, to=""):
        return self.ask("GET", "/.chainsaw/login" + (f"?to={to}" if to else ""))

    def send(self, reply, path="/.chainsaw/login", headers=None, **fields):
        hidden = {name: reply.field(name) for name in ("token", "to", "ticket")}
        fields = {key: value for key, value in (hidden | fields).items() if value is not None}
        return self.ask(
            "POST", path, urlencode(fields), content_type="application/x-www-form-urlencoded", **(headers or {})
        )

    def log_in(self, user="kim", password=PASSWORD, to="", **fields):
        return self.send(self.form(to), user=user, password=password, **fields)

    def log_out(self):
        return self.send(self.ask("GET", "/.chainsaw/logout"), "/.chainsaw/logout")

    def check(self, allow="*", **headers):
        return self.ask("GET", "/check", http_x_chainsaw_allow=allow, **headers)

    def basic(self, user="kim", password=PASSWORD, allow="*"):
        sent = base64.b64encode(f"{user}:{password}".encode()).decode()
        return self.check(allow, http_x_chainsaw_basic="1", http_authorization=f"Basic {sent}")


class Site:
    """The service, its files and its clock."""

    def __init__(self, directory):
        self.directory = directory
        self.now = float(NOON)
        self.stored = CHEAP.hash(PASSWORD)
        self.users = {
            "kim": self.user(groups=["board"]),
            "ann": self.user(),
            "tom": self.user(totp=SECRET),
        }
        self.write()
        self.wake()

    def user(self, password=None, groups=(), totp=None, changed=NOON - 1000, **more):
        stored = CHEAP.hash(password) if password else self.stored
        return {"password": stored, "groups": list(groups), "totp": totp, "changed": changed, **more}

    def write(self, **more):
        partial = self.directory / "users.partial"
        partial.write_text(json.dumps({"format": 1, "users": self.users, **more}))
        partial.replace(self.directory / "users.json")

    def wake(self, language="en"):
        """Start the service, as after its sleep or a crash."""
        from chainsaw_login.app import Login

        users, state = self.directory / "users.json", self.directory / "state.json"
        self.app = Login(users, state, KEY, clock=lambda: self.now, language=language)

    def sleep(self):
        self.app.store.flush()
        self.wake()

    def browser(self, address="192.0.2.1", **more):
        return Browser(lambda *call: self.app(*call), address, **more)

    def code(self, steps=0):
        return pyotp.TOTP(SECRET).at(int(self.now) + 30 * steps)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def browser(site):
    return site.browser()


@pytest.fixture
def quoted():
    return lambda text: quote(text, safe="")
