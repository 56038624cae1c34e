"""doctor."""

from __future__ import annotations

import click

from chainsaw.cli.output import json_option, progress, show


@click.command(epilog="\b\nExamples:\n  chainsaw doctor\n  chainsaw doctor --fix\n  chainsaw doctor --json")
@click.option("--fix", is_flag=True, help="Mend first what needs no root and takes no data, and say what was done.")
@json_option
def doctor(fix: bool, as_json: bool) -> None:
    """Examine this host: what setup prepares, what is scarce, the front, units, certificates, DNS.

    Each line says ok, warn, fail or unknown, what was found, and the command that mends it. The exit code is 3 when
    something fails; a warning, or what cannot be known, does not change it.
    """
    from chainsaw.work.doctor import doctor as examine

    with progress() as report:
        result = examine(fix, report)
    show("doctor", result, as_json)
