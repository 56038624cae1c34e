"""start, stop, restart, maintenance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli.arguments import instance_argument, json_option, why_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show
from chainsaw.cli.recorded import RecordedArgument
from chainsaw.work.result import Request

if TYPE_CHECKING:
    from chainsaw.host.account import Account


def _serve(account: Account, name: str, serving: str, verb: str, why: str, as_json: bool) -> None:
    from chainsaw.work.service import service

    with progress() as report:
        result = service.serve(account, name, serving, Request((name,), command=verb, why=why), report)
    show(verb, result, as_json)


@command("start", "chainsaw start blog")
@instance_argument
@why_option
@json_option
def start(account: Account, name: str, why: str, as_json: bool) -> None:
    """It undoes `chainsaw stop`, and turns the maintenance page off."""
    _serve(account, name, "normal", "start", why, as_json)


@command("stop", "chainsaw stop blog -m 'until the new year'")
@instance_argument
@why_option
@json_option
def stop(account: Account, name: str, why: str, as_json: bool) -> None:
    """It stays stopped after a reboot, too, and visitors see a page that says so. Its data is kept."""
    _serve(account, name, "stopped", "stop", why, as_json)


@command("restart", "chainsaw restart blog")
@instance_argument
@json_option
def restart(account: Account, name: str, as_json: bool) -> None:
    """Requests wait until it has started again."""
    from chainsaw.work.service import service

    with progress() as report:
        result = service.restart(account, name, report)
    show("restart", result, as_json)


@command("maintenance", "chainsaw maintenance blog on", "chainsaw maintenance blog off")
@instance_argument
@click.argument("switch", cls=RecordedArgument, type=click.Choice(["on", "off"]))
@why_option
@json_option
def maintenance(account: Account, name: str, switch: str, why: str, as_json: bool) -> None:
    """While it is on, visitors see a page that says so, and the instance keeps running."""
    _serve(account, name, "maintenance" if switch == "on" else "normal", "maintenance", why, as_json)
