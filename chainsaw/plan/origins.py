"""Applications that share a host name share an origin: a browser does not keep them apart (RFC 6454)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chainsaw.errors import Diagnostic


def shared_origins(hosts: Mapping[str, Iterable[str]], among: Iterable[str] | None = None) -> tuple[Diagnostic, ...]:
    """Return a note for each host name that several instances have; `hosts` are those of each instance.

    With `among`, only host names that one of these instances has are looked at.
    """
    users: dict[str, list[str]] = {}
    for name, own in sorted(hosts.items()):
        for host in own:
            users.setdefault(host, []).append(name)
    asked = None if among is None else set(among)
    return tuple(
        Diagnostic(
            "shared-origin",
            f"{', '.join(names)} share the origin https://{host}: a script in one can do there what a visitor can do in"
            " the others",
            hint="give each a host name of its own, unless you trust all of them alike",
            severity="note",
        )
        for host, names in sorted(users.items())
        if len(names) > 1 and (asked is None or asked & {*names})
    )
