"""What the tab key offers: names of instances, components, keys, values, secrets, sources and recipes."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import click
import pytest
from test_verbs import command_of

from chainsaw.cli.verbs import every_path
from chainsaw.host.files import replace_link
from chainsaw.host.store import generations
from chainsaw.model.paths import Paths
from chainsaw.model.site import Site

ROOT = Path(__file__).resolve().parent.parent.parent
BACKUP = "blog-20261201T031500Z-x7k2"


@pytest.fixture
def site(home, compiled):
    """A site with mail: blog (WordPress), wiki (DokuWiki) and www (static files) are declared and applied."""
    case = ROOT / "tests/golden/mail"
    shutil.copytree(case / "config", home / ".config/chainsaw")
    paths, made = Paths.of(str(home), {}), compiled(case)
    generations.write_generation(paths, made.manifest.model_copy(update={"number": 1}), made.tree)
    replace_link(paths.current, "1")
    keep_backup(Path(paths.backups_of("blog")))
    return home / ".config/chainsaw"


def keep_backup(place):
    """Make a backup as it is listed: a file, and its index."""
    recipe = {"name": "wordpress", "origin": "chainsaw/wordpress", "version": "1", "digest": "0" * 64, "title": "W"}
    facts = {"id": BACKUP, "site": "abc", "instance": "blog", "at": 1, "chainsaw": "1", "url": "u", "recipe": recipe}
    ending = {"id": BACKUP, "finished": 1, "files": "running", "downtime": 0}
    file = f"{BACKUP}.tar.zst"
    text = {"backup": facts, "ending": ending, "file": file, "bytes": 1, "sha256": "0" * 64}
    place.mkdir(parents=True)
    (place / file).write_text("x")
    (place / f"{BACKUP}.json").write_text(json.dumps(text))


@pytest.fixture
def offered(chainsaw, monkeypatch):
    """Return the function that returns what is offered for the last of some words."""

    def complete(line):
        words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
        monkeypatch.setenv("_CHAINSAW_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", shlex.join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        done = chainsaw()
        assert (done.code, done.err) == (0, "")
        return [item.partition(",")[2] for item in done.out.splitlines() if item]

    return complete


ROUTE = [f"route.{key}" for key in ("url", "timeout", "websocket_timeout", "headers", "allow", "robots", "hsts")]
OFFERED = {
    "status ": ["blog", "wiki", "www"],
    "status w": ["wiki", "www"],
    "status blog ": [],
    "apply ": ["blog", "wiki", "www"],
    "apply wiki --force ": ["blog", "www"],
    "logs blog ": ["db", "app", "cron", "mail"],
    "logs www ": [],
    "logs --follow blog a": ["app"],
    "secret show blog a": ["admin_password"],
    "secret show blog s": ["salt", "smtp_password"],
    "secret rotate blog sm": [],
    "secret rotate wiki ": ["admin_password"],
    "secret set ": ["smtp_password"],
    "config set blog ti": ["timezone", "title"],
    "config set blog settings.": ["settings.title", "settings.tagline", "settings.debug"],
    "config set blog mail.p": ["mail.port", "mail.password.secret"],
    "config set blog settings.debug ": ["true", "false"],
    "config set blog debug t": ["true"],
    "config set blog serving ": ["normal", "maintenance", "stopped"],
    "config set blog mail.tls s": ["starttls"],
    "config set blog title ": [],
    "config set blog title Walks ": [],
    "config set www generator ": ["none", "hugo"],
    "config set --site ti": ["timezone"],
    "config set --site sleep ": [],
    "config unset wiki ": ["recipe", "route", "mail.host", "mail.port", "mail.tls"],
    "config unset --site ": ["admin.email", "mail.host", "mail.user", "mail.password.secret"],
    "config edit b": ["blog"],
    "config edit blog ": [],
    "config show blog ro": ["route", *ROUTE],
    "config blog ro": ["route", *ROUTE],
    "config b": ["blog"],
    "config s": ["show", "set"],
    "info word": ["wordpress"],
    "new dok": ["dokuwiki"],
    "rollback ": ["blog", "wiki", "www", "old"],
    "backup bl": ["blog"],
    "restore bl": ["blog", BACKUP],
    "backup verify blog-": [BACKUP],
    "show s": [],
    "maintenance blog ": ["on", "off"],
    "--v": ["--version"],
}


@pytest.mark.parametrize("line", OFFERED)
def test_the_tab_key_offers(site, offered, line):
    (site / "removed").mkdir()
    (site / "removed/old.yaml").write_text("recipe: static\nroute: https://old.example.org/\n")
    assert offered(f"chainsaw {line}") == OFFERED[line]


SOURCES = {"source update ": ["club", "town"], "source update town ": ["club"], "source remove c": ["club"]}


@pytest.mark.parametrize("line", SOURCES)
def test_a_source_is_offered_until_it_is_named(site, offered, line):
    entry = f"{{url: https://git.example.org/x.git, commit: {'ab' * 20}}}"
    (site / "sources.yaml").write_text(f"format: 1\nsources:\n  club: {entry}\n  town: {entry}\n")
    assert offered(f"chainsaw {line}") == SOURCES[line]


def test_all_keys_of_an_instance_are_offered_once(site, offered):
    keys = offered("chainsaw config set blog ")
    assert len(keys) == len(set(keys))
    assert {"route", "sleep", "egress", "admin.email", "mail.host", "settings.title"} <= set(keys)
    assert "title" not in keys


def test_a_key_that_the_recipe_does_not_use_is_not_offered(site, offered):
    assert "mail.host" not in offered("chainsaw config set www ")


def test_all_keys_of_the_site_are_offered(site, offered):
    assert {key.partition(".")[0] for key in offered("chainsaw config set --site ")} == set(Site.model_fields)


def test_a_backup_may_be_a_file(site, chainsaw, monkeypatch):
    for name, value in (("COMPLETE", "bash_complete"), ("WORDS", "chainsaw restore /mnt/b"), ("CWORD", "2")):
        monkeypatch.setenv("_CHAINSAW_COMPLETE" if name == "COMPLETE" else f"COMP_{name}", value)
    assert chainsaw().out == "file,/mnt/b\n"


@pytest.mark.parametrize("line", [line for line in OFFERED if line.count(" ") > 1])
def test_for_an_instance_that_does_not_exist_nothing_is_offered_and_nothing_is_said(home, offered, line):
    """Without any files: the fixture demands that no error is printed."""
    assert set(offered(f"chainsaw {line}")) <= set(OFFERED[line]) | {"on", "off"}


@pytest.mark.parametrize("line", OFFERED)
def test_with_broken_files_nothing_is_said(site, offered, line):
    for file in (*site.glob("*.yaml"), *site.glob("instances/*")):
        file.write_text("recipe: [\n\x00")
    (site / "sources.yaml").write_text("sources: 5\n")
    manifest = site.parent.parent / ".local/state/chainsaw/generations/current/manifest.json"
    manifest.write_text("{")
    offered(f"chainsaw {line}")


FREE = {
    "new": {"name", "--route", "--set"},
    "clone": {"new", "--route", "-m"},
    "rename": {"new", "-m"},
    "search": {"words"},
    "note": {"text"},
    "source add": {"name", "url", "--key"},
    "recipe new": {"name", "--in"},
    "recipe lint": {"directory"},
    "recipe docs": {"directory"},
    "recipe test": {"directory", "--levels", "--hand-over", "--take-over"},
    "backups": {"--from"},
    "logs": {"--since", "--grep", "-n"},
    "traffic": {"--since", "--html"},
    "history": {"-n"},
    "diff": {"--generation"},
    "rollback": {"--to", "-m"},
    "render": {"--out"},
    "eject": {"--out"},
    "cert import": {"--chain", "--key"},
    "user add": {"name", "--group"},
    "user groups": {"groups"},
    "cert export": {"directory"},
    "backup make": {"--to", "--encrypt"},
    **{path: {"--identity"} for path in ("backup verify", "backup drill", "show")},
    "restore": {"--as", "--route", "--identity", "--volume", "--file", "--at", "--from"},
    "setup": {"--user", "--blocks"},
    "config set": {"value"},
    **{path: {"-m"} for path in ("apply", "remove", "start", "stop", "maintenance")},
}
"""What has no list of names to choose from; a value of config set is offered with its key."""


@pytest.mark.parametrize("path", every_path())
def test_whatever_takes_a_name_is_completed_or_takes_any_text(path):
    for item in command_of(path).params:
        flag = isinstance(item, click.Option) and item.is_flag
        chosen = isinstance(item.type, click.Choice) or item._custom_shell_complete is not None
        assert flag or chosen != (item.opts[0] in FREE.get(path, ())), item.opts[0]
