"""How a key of site.yaml or of an instance's file is written, for one that has a plain value instead."""

from __future__ import annotations

from typing import Any

from chainsaw.load.source import KeyPath

_FORMS = {
    "admin": ("email", "you@example.org", ""),
    "mail": ("host", "smtp.example.org", ""),
    "notify": ("mail", "admin", ""),
    "ports": ("https", "8443", "http: 8080, "),
    "settings": ("title", "Walks by the sea", ""),
    "tls": ("issuer", "local", ""),
}
"""For each key that takes a mapping: the key below it that most write, such a value, and what must stand before it."""


def written_form(path: KeyPath, value: Any) -> str:
    """Return a key with its value in the form that it takes, or nothing where it takes a plain value.

    What stands there now is used, where it could be the value that was meant.
    """
    if path == ("host_ports",):
        return f"host_ports: [{value if isinstance(value, int) else 993}]"
    if path == ("notify", "command"):
        return f"command: [{value if isinstance(value, str) and value else '/home/admin/tell'}]"
    if path == ("route",):
        return "route: https://blog.example.org/, a list of such addresses, or a mapping with url"
    if len(path) != 1 or path[0] not in _FORMS:
        return ""
    key, example, before = _FORMS[path[0]]
    meant = (
        value if path[0] in ("admin", "mail", "notify", "ports") and isinstance(value, str | int) and value else example
    )
    return f"{path[0]}: {{{before}{key}: {meant}}}"
