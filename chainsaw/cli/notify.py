"""notify."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli.arguments import json_option
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, show

if TYPE_CHECKING:
    from chainsaw.host.account import Account


@command("notify test", "chainsaw notify test", "chainsaw notify test --json")
@json_option
def test_command(account: Account, as_json: bool) -> None:
    """It uses what site.yaml says now, applied or not, and prints what the other side answered.

    The exit code is 1 when no channel works, and 3 when only some do.
    """
    from chainsaw.work.notify import report as notify

    with progress() as report:
        result = notify.test_channels(account, report)
    show("notify", result, as_json)


@command("notify list", "chainsaw notify list", "chainsaw notify list --json")
@json_option
def list_command(account: Account, as_json: bool) -> None:
    """What is over stays in the list for a week. The exit code is 3 when a channel does not work."""
    from chainsaw.work.notify import report as notify

    show("notify", notify.list_notified(account), as_json)


@command("notify summary", "chainsaw notify summary", "chainsaw notify summary --send")
@click.option("--send", "sending", is_flag=True, help="Send it as well, on each channel.")
@json_option
def summary_command(account: Account, sending: bool, as_json: bool) -> None:
    """It is what you are sent once a week with weekly: monday in notify: of site.yaml."""
    from chainsaw.work.system import watch, weekly

    with progress() as report:
        result = weekly.report_summary(account, watch.watched(account)[0], sending, report)
    show("notify", result, as_json)


@command("notify send", "chainsaw notify send")
@json_option
def send_command(account: Account, as_json: bool) -> None:
    """A timer does this each five minutes. What is new, or over, is sent once it was seen by two looks in a row.

    The exit code is 3 when something could not be sent. It is tried again later and later, at last once an hour.
    """
    from chainsaw.work.system import watch

    with progress() as report:
        result = watch.send_changes(account, report)
    show("notify", result, as_json)
