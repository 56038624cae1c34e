"""ca and secret."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, show
from chainsaw.work.secrets import authority_certificate, show_secret


@click.command("ca", epilog="\b\nExamples:\n  chainsaw ca > ca.pem\n  curl --cacert ca.pem https://blog.localhost/")
@json_option
def authority(as_json: bool) -> None:
    """Print the certificate of the local authority; import it in a browser to trust the sites of this host."""
    show("ca", authority_certificate(), as_json)


@click.group()
def secret() -> None:
    """Show what was generated for an instance."""


@secret.command("show", epilog="\b\nExamples:\n  chainsaw secret show blog admin_password")
@click.argument("name")
@click.argument("key")
@json_option
def show_command(name: str, key: str, as_json: bool) -> None:
    """Print the secret KEY of the instance NAME."""
    show("secret", show_secret(name, key), as_json)
