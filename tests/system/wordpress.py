"""A visitor of a WordPress: logs in with a password, and writes and reads posts over the REST API."""

from __future__ import annotations

import json
import re
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

    def write(self, title: str, content: str, **fields: str) -> int:
        """Publish a post and return its number; the fields are others of the REST API, such as a password."""
        headers = {"Cookie": self.cookies, "X-WP-Nonce": self.nonce, "Content-Type": "application/json"}
        body = json.dumps({"title": title, "content": content, "status": "publish", **fields})
        answer = self.machine.post(f"{self.url}wp-json/wp/v2/posts", body, headers=headers)
        assert answer.status == 201, answer
        return int(json.loads(answer.body)["id"])

    def add(self, name: str, content: str | bytes, kind: str) -> dict[str, Any]:
        """Upload a file to the media library and return what WordPress made of it."""
        disposition = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": kind}
        headers = {"Cookie": self.cookies, "X-WP-Nonce": self.nonce, **disposition}
        answer = self.machine.post(f"{self.url}wp-json/wp/v2/media", content, headers=headers)
        assert answer.status == 201, answer
        return dict(json.loads(answer.body))

    def upload(self, name: str, content: str, kind: str = "text/plain") -> str:
        """Upload a file and return its URL."""
        return str(self.add(name, content, kind)["source_url"])

    def page(self, path: str, **headers: str) -> str:
        """Return a page as the admin sees it."""
        answer = self.machine.get(f"{self.url}{path}", headers={"Cookie": self.cookies, **headers})
        assert answer.status == 200, answer
        return answer.body

    def health(self) -> dict[str, str]:
        """Return what Site Health finds, as its page does: with the tests that it asks for once it is open."""
        found = re.search(r"var SiteHealth = (\{.*?\});\n", self.page("wp-admin/site-health.php"), re.DOTALL)
        assert found
        tests = json.loads(found[1])["site_status"]
        results = list(tests["direct"])
        for test in tests["async"]:
            assert test["has_rest"], test
            headers = {"X-WP-Nonce": self.nonce, **(test["headers"] or {})}
            results.append(json.loads(self.page(test["test"].removeprefix(self.url), **headers)))
        return {str(result["test"]): str(result["status"]) for result in results}


def post(machine: Machine, url: str, number: int) -> dict[str, Any]:
    """Return a published post, as anybody may read it."""
    answer = machine.get(f"{url}wp-json/wp/v2/posts/{number}")
    assert answer.status == 200, answer
    return dict(json.loads(answer.body))
