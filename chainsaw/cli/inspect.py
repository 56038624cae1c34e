"""list, status, top, logs, traffic, inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chainsaw.cli import complete
from chainsaw.cli.arguments import instance_argument, json_option, optional_instance_argument
from chainsaw.cli.command import command
from chainsaw.cli.output import progress, say, say_raw, show, watch
from chainsaw.cli.recorded import RecordedOption

if TYPE_CHECKING:
    from chainsaw.host.account import Account

watch_option = click.option("--watch", "watched", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")


@command("list", "chainsaw list", "chainsaw list --watch", "chainsaw list --json")
@watch_option
@json_option
def list_command(account: Account, watched: bool, as_json: bool) -> None:
    """The states: running, asleep, maintenance, starting, stopping, failing, failed, stopped, not applied.

    One that is failing crashed several times in a row, and is started again later and later. One that is no longer
    declared is stopped by the next apply.

    Memory is what its processes use now, disk what its data uses, and caches what its components make again. Which one
    has more on the disk than is expected of it is named below. The exit status is 3 if one is failing, failed or
    unhealthy.
    """
    from chainsaw.work.inspect.list import list_instances

    if watched:
        watch(lambda: list_instances(account))
    show("list", list_instances(account), as_json)


@command("status", "chainsaw status blog", "chainsaw status blog --json")
@instance_argument
@json_option
def status(account: Account, name: str, as_json: bool) -> None:
    """The health of every component is checked now, unless Podman has checked it recently.

    The exit code is 0 when the instance is healthy and open to visitors, 3 when it is not, 4 when there is none of
    that name.
    """
    from chainsaw.work.inspect import status

    show("status", status.status(account, name), as_json)


@command("top", "chainsaw top", "chainsaw top --watch", "chainsaw top --json")
@watch_option
@json_option
def top(account: Account, watched: bool, as_json: bool) -> None:
    """Memory is PSS, which counts what processes share once.

    For an instance that is asleep it shows the memory that this saves, as the test of its recipe measured it.
    """
    from chainsaw.work.inspect import top

    if watched:
        watch(lambda: top.top(account))
    show("top", top.top(account), as_json)


@command(
    "logs",
    "chainsaw logs blog",
    "chainsaw logs blog db --since -1h",
    "chainsaw logs blog --access -f",
    "chainsaw logs blog --all --grep timeout",
)
@instance_argument
@click.argument("component", required=False, shell_complete=complete.components)
@click.option("--access", is_flag=True, help="Show the requests of visitors, from the front.")
@click.option("--all", "every", is_flag=True, help="Show both, its log and the requests of its visitors.")
@click.option("-f", "--follow", "followed", is_flag=True, help="Continue with each new line, until Ctrl-C.")
@click.option("--since", metavar="TIME", help="As journalctl takes it: -1h, today, '2026-07-01 12:00'.")
@click.option("--grep", metavar="PATTERN", help="Only lines in which this regular expression (of Python) is found.")
@click.option("-n", "--lines", type=click.IntRange(1), default=100, show_default=True, help="How many lines at most.")
@click.option("--raw", is_flag=True, help="Print colours and other control characters as they are.")
@click.option("--explain", is_flag=True, help="Print the equivalent journalctl command.")
@json_option
def logs(
    account: Account,
    name: str,
    component: str | None,
    followed: bool,
    raw: bool,
    explain: bool,
    as_json: bool,
    **wanted: object,
) -> None:
    """Without a COMPONENT all of them are shown. The newest line is the last.

    Control characters are made visible, because an application or a visitor could otherwise write to your terminal.
    """
    from chainsaw.work.inspect import logs

    request = logs.LogRequest(name, component, **wanted)  # type: ignore[arg-type]  # click has checked the types
    if explain:
        say(logs.log_query(account, request).command)
    elif followed:
        logs.follow(account, request, say_raw if raw else say)
    else:
        show("logs", logs.recent(account, request), as_json, raw)


@command(
    "traffic",
    "chainsaw traffic",
    "chainsaw traffic blog",
    "chainsaw traffic blog --since yesterday",
    "chainsaw traffic --since -7d --html traffic.html",
)
@optional_instance_argument
@click.option(
    "--since", cls=RecordedOption, metavar="TIME", help="As journalctl takes it: -1h, today, '2026-07-01 12:00'."
)
@click.option(
    "--html", cls=RecordedOption, metavar="FILE", help="Also write a page with plots, made by GoAccess, for you alone."
)
@json_option
def traffic(account: Account, as_json: bool, **wanted: str | None) -> None:
    """It counts what the front's log in the journal has; `chainsaw logs NAME --access` shows these lines.

    With a NAME: also the paths and referrers that are the most frequent, each without its query, and the requests of
    each hour or day. A visitor is an address and an agent; robots are the requests of agents that say they are
    programs. p50 and p99 are the times that half of the answers, and 99 % of them, took at most. Cached are answers
    that the front gave without asking the application.

    The journal is bounded, so it is said since when the figures are. Nothing in the page is loaded from elsewhere. The
    first one takes longer: GoAccess's image is built.
    """
    from chainsaw.work.traffic.report import TrafficRequest
    from chainsaw.work.traffic.report import traffic as count

    with progress() as report:
        result = count(account, TrafficRequest(**wanted), report)
    show("traffic", result, as_json)


@command("inventory", "chainsaw inventory", "chainsaw inventory blog", "chainsaw inventory --orphans --json")
@optional_instance_argument
@click.option("--orphans", is_flag=True, help="List what chainsaw made and no instance uses.")
@json_option
def inventory(account: Account, name: str | None, orphans: bool, as_json: bool) -> None:
    """Without a NAME: what each instance takes. With one, all that belongs to it, with its size and what deletes it.

    `remove` stops the instance and deletes its units; `remove --purge` deletes its data, too; shared items are kept.
    Many items of one kind share a line; --json has each of them with its path.
    """
    from chainsaw.work.inspect import inventory, summary

    if orphans and name is not None:
        raise click.UsageError("give either a NAME or --orphans")
    if orphans:
        result = inventory.orphans(account)
    elif name is not None:
        result = inventory.inventory(account, name)
    else:
        with progress() as report:
            result = summary.summarise(account, report)
    show("inventory", result, as_json)
