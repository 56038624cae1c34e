"""list, status, top, logs."""

from __future__ import annotations

import click

from chainsaw.cli.arguments import complete_instance, instance_argument
from chainsaw.cli.output import json_option, say, show, watch


@click.command("list", epilog="\b\nExamples:\n  chainsaw list\n  chainsaw list --watch\n  chainsaw list --json")
@click.option("--watch", "watched", is_flag=True, help="Show it anew every two seconds, until Ctrl-C.")
@json_option
def overview(watched: bool, as_json: bool) -> None:
    """Show every instance and what it is doing.

    The states: running, asleep, starting, stopping, failed, stopped, not applied, no longer declared. Memory is what
    its processes take now, disk what its data takes.
    """
    from chainsaw.work.inspect.list import overview as list_instances

    if watched:
        watch(list_instances)
    show("list", list_instances(), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw status blog\n  chainsaw status blog --json")
@instance_argument
@json_option
def status(name: str, as_json: bool) -> None:
    """Show one instance from all sides, and what to type next if something is wrong.

    Every component is asked for its health now, unless Podman has asked it lately. The exit code is 0 when it is well
    and open to visitors, 3 when it is not, 4 when there is no such instance.
    """
    from chainsaw.work.inspect.status import status as status_of

    show("status", status_of(name), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw top\n  chainsaw top --watch\n  chainsaw top --json")
@click.option("--watch", "watched", is_flag=True, help="Show it anew every two seconds, until Ctrl-C.")
@json_option
def top(watched: bool, as_json: bool) -> None:
    """Show what each instance costs now: memory (PSS), processor, disk; and what those that sleep save.

    What an instance that sleeps would take is what the test of its recipe measured.
    """
    from chainsaw.work.inspect.top import top as costs

    if watched:
        watch(costs)
    show("top", costs(), as_json)


@click.command(
    epilog="\b\nExamples:\n  chainsaw logs blog\n  chainsaw logs blog db --since -1h\n"
    "  chainsaw logs blog --access -f\n  chainsaw logs blog --all --grep timeout"
)
@instance_argument
@click.argument("component", required=False)
@click.option("--access", is_flag=True, help="What visitors asked for, from the front.")
@click.option("--all", "every", is_flag=True, help="Both: what it says, and what visitors asked for.")
@click.option("-f", "--follow", "followed", is_flag=True, help="Go on with each new line, until Ctrl-C.")
@click.option("--since", metavar="TIME", help="As journalctl takes it: -1h, today, '2026-07-01 12:00'.")
@click.option("--grep", metavar="PATTERN", help="Only lines in which a regular expression of Python is found.")
@click.option("-n", "--lines", type=click.IntRange(1), default=100, show_default=True, help="How many lines at most.")
@click.option("--explain", is_flag=True, help="Print the command of journalctl that it stands for.")
@json_option
def logs(name: str, component: str | None, followed: bool, explain: bool, as_json: bool, **wanted: object) -> None:
    """Show what the instance NAME, or one component of it, has said; the newest line is the last."""
    from chainsaw.work.inspect.logs import LogRequest, follow, log_query, recent

    wish = LogRequest(name, component, **wanted)  # type: ignore[arg-type]  # click has checked the kinds
    if explain:
        say(log_query(wish).command)
    elif followed:
        follow(wish, say)
    else:
        show("logs", recent(wish), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw inventory blog\n  chainsaw inventory --orphans --json")
@click.argument("name", required=False, shell_complete=complete_instance)
@click.option("--orphans", is_flag=True, help="Show what is here because of chainsaw and belongs to no instance.")
@json_option
def inventory(name: str | None, orphans: bool, as_json: bool) -> None:
    """Show every bit of the instance NAME with its size, and with which command it goes.

    `remove` stops it and takes its units away; `remove --purge` deletes its data, too; what others use stays.
    """
    from chainsaw.work.inspect.inventory import inventory as holdings_of
    from chainsaw.work.inspect.inventory import orphans as strays

    if orphans == (name is not None):
        raise click.UsageError("a NAME or --orphans, one of the two")
    show("inventory", strays() if name is None else holdings_of(name), as_json)
