"""render, eject and schema."""

from __future__ import annotations

import click

from chainsaw.cli.arguments import instance_argument
from chainsaw.cli.output import json_option, show
from chainsaw.work.render import render as render_site
from chainsaw.work.render import schema_text
from chainsaw.work.result import Result


@click.command(epilog="\b\nExamples:\n  chainsaw render\n  chainsaw render --out /tmp/units")
@click.option("--out", metavar="DIR", type=click.Path(), help="Write the files below DIR, which must be empty.")
@json_option
def render(out: str | None, as_json: bool) -> None:
    """Compile what is declared to units and nginx files; needs neither Podman nor systemd."""
    show("render", render_site(out), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw eject blog --out ~/blog-without-chainsaw")
@instance_argument
@click.option("--out", metavar="DIR", type=click.Path(), required=True, help="Write the files below DIR; it is empty.")
@json_option
def eject(name: str, out: str, as_json: bool) -> None:
    """Write the instance NAME as plain quadlets that run without chainsaw, with a page that says how.

    Nothing that runs is touched, and its data stays where it is.
    """
    from chainsaw.work.eject import eject as write_plainly

    show("eject", write_plainly(name, out), as_json)


@click.command(epilog="\b\nExamples:\n  chainsaw schema instance > instance.json")
@click.argument("kind", type=click.Choice(["instance", "site", "recipe"]))
@json_option
def schema(kind: str, as_json: bool) -> None:
    """Print the JSON Schema of an instance's file, of site.yaml or of a recipe.yaml."""
    import json

    text = schema_text(kind)
    show("schema", Result({"schema": json.loads(text)}, (text.rstrip("\n"),)), as_json)
