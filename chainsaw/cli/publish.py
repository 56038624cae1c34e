"""ca."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, show
from chainsaw.work.publish.authority import authority_certificate


@click.command("ca", epilog="\b\nExamples:\n  chainsaw ca > ca.pem\n  curl --cacert ca.pem https://blog.localhost/")
@json_option
def authority(as_json: bool) -> None:
    """Print the certificate of the local authority; import it in a browser to trust the sites of this host."""
    show("ca", authority_certificate(), as_json)
