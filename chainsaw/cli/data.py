"""ca and secret."""

from __future__ import annotations

import sys

import click

from chainsaw.cli.arguments import instance_argument
from chainsaw.cli.output import json_option, progress, show
from chainsaw.work.data.secrets import show_secret


@click.group()
def secret() -> None:
    """List, show and change what was generated for an instance."""


@secret.command("list", epilog="\b\nExamples:\n  chainsaw secret list blog")
@instance_argument
@json_option
def list_command(name: str, as_json: bool) -> None:
    """Show the names of the secrets of NAME, what they are for and how each is changed; never a value."""
    from chainsaw.work.data.secrets import list_secrets

    show("secret", list_secrets(name), as_json)


@secret.command(
    "set", epilog="\b\nExamples:\n  chainsaw secret set smtp_password\n  pass mail | chainsaw secret set smtp_password"
)
@click.argument("key")
@json_option
def set_command(key: str, as_json: bool) -> None:
    """Keep the secret KEY that site.yaml or an instance's file names, such as the password of the mail server.

    It is asked for, or read from standard input; it is in no file of yours, and never printed.
    """
    from chainsaw.work.data.secrets import set_site_secret

    value = click.prompt(key, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
    with progress() as report:
        result = set_site_secret(key, value, report)
    show("secret", result, as_json)


@secret.command("rotate", epilog="\b\nExamples:\n  chainsaw secret rotate blog admin_password")
@instance_argument
@click.argument("key")
@json_option
def rotate_command(name: str, key: str, as_json: bool) -> None:
    """Give NAME a new secret KEY, in the application, too; it is not printed."""
    from chainsaw.work.data.secrets import rotate_secret

    with progress() as report:
        result = rotate_secret(name, key, report)
    show("secret", result, as_json)


@secret.command("show", epilog="\b\nExamples:\n  chainsaw secret show blog admin_password")
@instance_argument
@click.argument("key")
@json_option
def show_command(name: str, key: str, as_json: bool) -> None:
    """Print the secret KEY of the instance NAME."""
    show("secret", show_secret(name, key), as_json)
