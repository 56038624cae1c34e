"""routes and ca."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import show
from chainsaw.work.publish.authority import authority_certificate

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command("routes", "chainsaw routes", "chainsaw routes --json")
@json_option
def routes(account: Account, as_json: bool) -> None:
    """Also what only leads elsewhere, and what says that a site is gone."""
    from chainsaw.work.publish.routes import list_routes

    show("routes", list_routes(account), as_json)


@command("ca", "chainsaw ca > ca.pem", "curl --cacert ca.pem https://blog.localhost/")
@json_option
def authority(account: Account, as_json: bool) -> None:
    """Import it in a browser to trust the sites of this host."""
    show("ca", authority_certificate(account), as_json)
