"""ca."""

from __future__ import annotations

from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import show
from chainsaw.work.publish.authority import authority_certificate


@command("ca", "chainsaw ca > ca.pem", "curl --cacert ca.pem https://blog.localhost/")
@json_option
def authority(as_json: bool) -> None:
    """Import it in a browser to trust the sites of this host."""
    show("ca", authority_certificate(), as_json)
