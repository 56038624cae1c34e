"""A visitor of a WordPress: logs in with a password, and writes and reads posts over the REST API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from .machine import Machine


class Visitor:
    """The admin of one WordPress, logged in."""

    def __init__(self, machine: Machine, url: str, password: str) -> None:
        """Log in through the form, as a person does."""
        self.machine, self.url = machine, url
        form = urlencode({"log": "admin", "pwd": password, "testcookie": "1"})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "wordpress_test_cookie=WP%20Cookie%20check",
        }
        answer = machine.post(f"{url}wp-login.php", form, headers=headers)
        assert answer.status == 302, f"the login is refused: {answer.status} {answer.body[:2000]}"
        self.cookies = "; ".join(answer.cookies)
        self.nonce = self._nonce()

    def _nonce(self) -> str:
        answer = self.machine.get(
            f"{self.url}wp-admin/admin-ajax.php?action=rest-nonce", headers={"Cookie": self.cookies}
        )
        assert answer.status == 200 and len(answer.body) == 10, answer
        return answer.body

    def write(self, title: str, content: str) -> int:
        """Publish a post and return its number."""
        headers = {"Cookie": self.cookies, "X-WP-Nonce": self.nonce, "Content-Type": "application/json"}
        body = json.dumps({"title": title, "content": content, "status": "publish"})
        answer = self.machine.post(f"{self.url}wp-json/wp/v2/posts", body, headers=headers)
        assert answer.status == 201, answer
        return int(json.loads(answer.body)["id"])

    def upload(self, name: str, content: str, kind: str = "text/plain") -> str:
        """Upload a file and return its URL."""
        disposition = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": kind}
        headers = {"Cookie": self.cookies, "X-WP-Nonce": self.nonce, **disposition}
        answer = self.machine.post(f"{self.url}wp-json/wp/v2/media", content, headers=headers)
        assert answer.status == 201, answer
        return str(json.loads(answer.body)["source_url"])


def post(machine: Machine, url: str, number: int) -> dict[str, Any]:
    """Return a published post, as anybody may read it."""
    answer = machine.get(f"{url}wp-json/wp/v2/posts/{number}")
    assert answer.status == 200, answer
    return dict(json.loads(answer.body))
