"""secret."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import instance_argument, json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command("secret list", "chainsaw secret list blog")
@instance_argument
@json_option
def list_command(account: Account, name: str, as_json: bool) -> None:
    """Each is listed with what it is for, and how it is changed."""
    from chainsaw.work.data import secrets

    show("secret", secrets.list_secrets(account, name), as_json)


@command("secret set", "chainsaw secret set smtp_password", "pass mail | chainsaw secret set smtp_password")
@click.argument("key", cls=RecordedArgument, shell_complete=complete.site_secrets)
@json_option
def set_command(account: Account, key: str, as_json: bool) -> None:
    """KEY is named in site.yaml or in the file of an instance, such as the password of the mail server.

    The value is asked for, or read from standard input; it is in none of your files, and it is never printed.
    """
    from chainsaw.work.data import secrets

    value = click.prompt(key, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
    with progress() as report:
        result = secrets.set_site_secret(account, key, value, report)
    show("secret", result, as_json)


@command("secret rotate", "chainsaw secret rotate blog admin_password")
@instance_argument
@click.argument("key", cls=RecordedArgument, shell_complete=complete.generated_secrets)
@json_option
def rotate_command(account: Account, name: str, key: str, as_json: bool) -> None:
    """It is changed in the application, too; the new one is not printed."""
    from chainsaw.work.data import secrets

    with progress() as report:
        result = secrets.rotate_secret(account, name, key, report)
    show("secret", result, as_json)


@command("secret show", "chainsaw secret show blog admin_password")
@instance_argument
@click.argument("key", shell_complete=complete.secrets)
@json_option
def show_command(account: Account, name: str, key: str, as_json: bool) -> None:
    """`chainsaw secret list NAME` lists the keys."""
    from chainsaw.work.data import secrets

    show("secret", secrets.show_secret(account, name, key), as_json)
