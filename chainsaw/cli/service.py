"""start, stop, restart, maintenance."""

from __future__ import annotations

import click

from chainsaw.cli.arguments import instance_argument, why_option
from chainsaw.cli.output import json_option, progress, show
from chainsaw.work.result import Request


def _serve(name: str, serving: str, command: str, why: str, as_json: bool) -> None:
    from chainsaw.work.service.service import serve

    with progress() as report:
        result = serve(name, serving, Request((name,), command=command, why=why), report)
    show(command, result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw start blog")
@instance_argument
@why_option
@json_option
def start(name: str, why: str, as_json: bool) -> None:
    """Start the instance NAME; it will be up after the next reboot, too."""
    _serve(name, "normal", "start", why, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw stop blog -m 'until the new year'")
@instance_argument
@why_option
@json_option
def stop(name: str, why: str, as_json: bool) -> None:
    """Stop the instance NAME; it stays down, also after a reboot, and visitors find a page that says so."""
    _serve(name, "stopped", "stop", why, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw restart blog")
@instance_argument
@json_option
def restart(name: str, as_json: bool) -> None:
    """Start the processes of the instance NAME anew; visitors wait meanwhile."""
    from chainsaw.work.service.service import restart as start_anew

    with progress() as report:
        result = start_anew(name, report)
    show("restart", result, as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw maintenance blog on\n  chainsaw maintenance blog off")
@instance_argument
@click.argument("switch", type=click.Choice(["on", "off"]))
@why_option
@json_option
def maintenance(name: str, switch: str, why: str, as_json: bool) -> None:
    """Show visitors of the instance NAME a page that says that somebody works on it, while it goes on running."""
    _serve(name, "maintenance" if switch == "on" else "normal", "maintenance", why, as_json)
