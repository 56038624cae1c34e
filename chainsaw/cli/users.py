"""user."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument, RecordedOption

if TYPE_CHECKING:
    from chainsaw.host.account import Account

user_argument = click.argument("name", cls=RecordedArgument, shell_complete=complete.users)


def _piped() -> str | None:
    """Return what is on standard input, without the end of its line; None when there is nothing.

    All of it is read: what follows the first line is no part of a password, and is then refused.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return None
    return sys.stdin.read().rstrip("\r\n") or None


@command(
    "user add",
    "chainsaw user add kim --group board",
    "pass wiki/kim | chainsaw user add kim",
    "chainsaw user add ann --totp",
)
@click.argument("name", cls=RecordedArgument)
@click.option("--group", "groups", cls=RecordedOption, multiple=True, metavar="GROUP", help="A group; several times.")
@click.option("--totp", is_flag=True, help="Set up a second factor: codes of an authenticator.")
@json_option
def add_command(account: Account, name: str, groups: tuple[str, ...], totp: bool, as_json: bool) -> None:
    """The password is read from standard input if it is piped in; otherwise one is made and printed, once.

    Users log in where the file of an instance says auth: login.
    """
    from chainsaw.work.users import users

    wanted = users.Wanted(_piped(), totp=totp or None)
    with progress() as report:
        result = users.add_user(account, name, groups, wanted, report)
    show("user", result, as_json)


@command("user list", "chainsaw user list", "chainsaw user list --json")
@json_option
def list_command(account: Account, as_json: bool) -> None:
    """Each is listed with groups, and with the instances that ask for a login and let the user in."""
    from chainsaw.work.users import users

    show("user", users.list_users(account), as_json)


@command(
    "user passwd",
    "chainsaw user passwd kim",
    "chainsaw user passwd kim --client",
    "chainsaw user passwd kim --no-totp",
)
@user_argument
@click.option(
    "--client/--no-client",
    default=None,
    help="The password for programs, such as those that synchronise calendars, or none any more.",
)
@click.option("--totp/--no-totp", default=None, help="Set up a second factor, or end it.")
@json_option
def passwd_command(account: Account, name: str, client: bool | None, totp: bool | None, as_json: bool) -> None:
    """The password is read from standard input if it is piped in; otherwise one is made and printed, once.

    It ends all sessions of the user. With --client or --no-client they go on: programs log in with that password alone,
    and without it with the user's, if there is no second factor.
    """
    from chainsaw.work.users import users

    if client is False and (totp is not None or _piped() is not None):
        raise click.UsageError("--no-client changes nothing else, neither a password nor a second factor")
    wanted = users.Wanted(None if client is False else _piped(), client, totp)
    with progress() as report:
        result = users.change_password(account, name, wanted, report)
    show("user", result, as_json)


@command("user groups", "chainsaw user groups kim board editors", "chainsaw user groups kim")
@user_argument
@click.argument("groups", cls=RecordedArgument, nargs=-1, metavar="[GROUP]...")
@json_option
def groups_command(account: Account, name: str, groups: tuple[str, ...], as_json: bool) -> None:
    """The user is in these groups afterwards, and in no others."""
    from chainsaw.work.users import users

    with progress() as report:
        result = users.set_groups(account, name, groups, report)
    show("user", result, as_json)


@command("user remove", "chainsaw user remove kim")
@user_argument
@json_option
def remove_command(account: Account, name: str, as_json: bool) -> None:
    """What the user has written stays in the applications."""
    from chainsaw.work.users import users

    with progress() as report:
        result = users.remove_user(account, name, report)
    show("user", result, as_json)
