"""cert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument, RecordedOption

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command("cert list", "chainsaw cert list", "chainsaw cert list --json")
@json_option
def list_command(account: Account, as_json: bool) -> None:
    """The exit code is 3 when one is missing, not valid, or about to expire."""
    from chainsaw.work.certificates import report

    show("cert", report.list_certificates(account), as_json)


@command("cert show", "chainsaw cert show blog.example.org")
@click.argument("host", cls=RecordedArgument, shell_complete=complete.hosts)
@json_option
def show_command(account: Account, host: str, as_json: bool) -> None:
    """It shows who issued it, until when it is valid, and when and why it is renewed."""
    from chainsaw.work.certificates import report

    show("cert", report.show_certificate(account, host), as_json)


@command("cert renew", "chainsaw cert renew", "chainsaw cert renew blog.example.org --force")
@click.argument("hosts", cls=RecordedArgument, nargs=-1, metavar="[HOST]...", shell_complete=complete.hosts)
@click.option("--force", is_flag=True, help="Renew also what is not due.")
@click.option("--changes", is_flag=True, help="Report a problem only when it is a new one; as the timer does.")
@json_option
def renew_command(account: Account, hosts: tuple[str, ...], force: bool, changes: bool, as_json: bool) -> None:
    """A timer does this four times an hour, so it is needed only after something was wrong.

    The front shows the new one before the former one is let go. The exit code is 3 when one could not be renewed.
    """
    from chainsaw.work.certificates import exchange

    with progress() as report:
        result = exchange.renew(account, hosts, force, changes, report)
    show("cert", result, as_json)


@command("cert import", "chainsaw cert import shop.example.org --chain fullchain.pem --key privkey.pem")
@click.argument("host", cls=RecordedArgument, shell_complete=complete.hosts)
@click.option(
    "--chain",
    cls=RecordedOption,
    required=True,
    type=click.Path(),
    help="The certificate and those of its authorities, PEM.",
)
@click.option("--key", cls=RecordedOption, required=True, type=click.Path(), help="Its private key, PEM.")
@json_option
def import_command(account: Account, host: str, chain: str, key: str, as_json: bool) -> None:
    """It is checked first: that they belong together, that the chain is complete, its dates, and its names."""
    from chainsaw.work.certificates import exchange

    with progress() as report:
        result = exchange.import_certificate(account, host, chain, key, report)
    show("cert", result, as_json)


@command("cert export", "chainsaw cert export blog.example.org ~/safe")
@click.argument("host", cls=RecordedArgument, shell_complete=complete.hosts)
@click.argument("directory", cls=RecordedArgument, type=click.Path())
@json_option
def export_command(account: Account, host: str, directory: str, as_json: bool) -> None:
    """HOST.chain.pem and HOST.key.pem in DIRECTORY are readable for you alone."""
    from chainsaw.work.certificates import exchange

    show("cert", exchange.export_certificate(account, host, directory), as_json)
