"""What is shown of a recipe before it is installed: maintainers, needs, permissions and test results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from identity import IDENTITY

from chainsaw.host import files
from chainsaw.load.recipe import load_recipe
from chainsaw.load.yaml import read_yaml
from chainsaw.model import tested as model
from chainsaw.model.tested import LEVELS, LevelResult
from chainsaw.work.recipes import search as reported
from chainsaw.work.recipes.catalog import read_recipe
from chainsaw.work.recipes.consistency import backup_lines
from chainsaw.work.recipes.page import markdown
from chainsaw.work.recipes.search import MEASURED, NEVER, STALE, kind_of, level_of, permissions_of, proven
from chainsaw.work.recipes.shipped import shared_parts

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def directory(tmp_path):
    """A directory with a copy of the recipe static, without its test record."""
    for path, content in files.read_directory(str(ROOT / "recipes/static")).items():
        if path != "tested.json":
            files.write_atomic(str(tmp_path / "static" / path), content)
    return tmp_path / "static"


def read(directory):
    return read_recipe(str(directory), directory.name)


def prove(directory, levels=(1, 2, 3), measured=None):
    """Record that a recipe in its present form passed some levels."""
    found = model.Tested(
        recipe=directory.name,
        version="1-2",
        digest=read(directory).digest,
        date="2026-01-02",
        by="chainsaw 0",
        host={"system": "Debian 13"},
        levels={
            **{number: LevelResult(passed=True, seconds=1) for number in levels},
            max(levels) + 1: LevelResult(passed=False, seconds=1, problems=("it does not work",)),
            max(levels) + 2: LevelResult(passed=False, seconds=1),
        },
        measured=measured or {},
    )
    (directory / "tested.json").write_text(found.model_dump_json())


def page(bundle):
    return "\n".join(markdown(bundle))


def test_what_was_never_tested_was_not_run_by_us(directory):
    bundle = read(directory)
    assert NEVER == "not run by us"
    assert (proven(bundle), level_of(bundle), reported.tested_of(bundle)) == (NEVER, None, None)
    assert f"This recipe: {NEVER}." in page(bundle)


def test_what_was_tested_has_its_level_and_date(directory):
    prove(directory)
    bundle = read(directory)
    assert (proven(bundle), level_of(bundle)) == (f"level 3 of {len(LEVELS)} on 2026-01-02", 3)


@pytest.mark.parametrize("path", ["recipe.yaml", "files/site/index.html", "README.md"])
def test_any_change_of_the_recipe_makes_what_was_found_stale(directory, path):
    prove(directory)
    with (directory / path).open("a") as file:
        file.write("# a change\n")
    bundle = read(directory)
    assert (proven(bundle), level_of(bundle)) == (STALE, None)
    assert reported.tested_of(bundle).level == 3


def test_what_the_test_itself_writes_makes_nothing_stale(directory):
    before = read(directory).digest
    prove(directory)
    prove(directory, (1,))
    assert read(directory).digest == before
    assert level_of(read(directory)) == 1


@pytest.mark.parametrize("text", ["", "{", "{}", '{"format": 1, "level": 8}'])
def test_a_record_that_nobody_can_read_proves_nothing(directory, text):
    (directory / "tested.json").write_text(text)
    assert (proven(read(directory)), level_of(read(directory))) == (NEVER, None)


def test_the_page_shows_each_level_and_what_was_measured(directory):
    prove(directory, measured={"memory_idle_mb": 12.5, "wake_seconds": 0.4})
    text = page(read(directory))
    shown = [line.split(" | ") for line in text.splitlines() if line.startswith(tuple(f"| {n} |" for n in LEVELS))]
    assert [(row[1], row[2].rstrip(" |")) for row in shown] == [
        (LEVELS[1], "passed"),
        (LEVELS[2], "passed"),
        (LEVELS[3], "passed"),
        (LEVELS[4], "failed"),
        *((LEVELS[number], "not tried") for number in range(5, len(LEVELS) + 1)),
    ]
    assert f"measured: {MEASURED['memory_idle_mb']} 12.5 MB" in text
    assert f"measured: {MEASURED['wake_seconds']} 0.4 s" in text


def wordpress():
    return read(ROOT / "recipes/wordpress")


def test_the_page_says_who_is_responsible_and_explains_every_setting():
    recipe, text = wordpress().recipe, page(wordpress())
    for person in recipe.maintainers:
        assert f"{person.name} ({person.contact})" in text
    for name, setting in recipe.settings.items():
        assert f"| [`{name}`]({setting.documentation}) | {kind_of(setting)} | {setting.help} |" in text
    for directive, meaning in recipe.honours.items():
        assert f"| `{directive}` | {meaning} |" in text
    assert f"chainsaw new {recipe.name} NAME" in text


def test_a_table_has_as_many_columns_in_every_row(directory):
    prove(directory)
    for bundle in (wordpress(), read(directory)):
        for block in page(bundle).split("\n\n"):
            rows = [line for line in block.splitlines() if line.startswith("|")]
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1, block


ASKING = f"""{IDENTITY}images: {{app: {{shared: base}}}}
components:
  app:
    image: app
    user: 0
    health: {{command: ["true"]}}
    memory: 64M
    capabilities: [{{name: CHOWN, reason: It gives files away.}}]
    egress: {{need: internet, reason: It reads the news.}}
  jobs:
    image: app
    health: {{command: ["true"]}}
    memory: 64M
    egress: {{need: optional, reason: It looks for updates.}}
serve: {{http: {{}}}}
"""


def test_every_permission_is_shown_with_its_reason():
    bundle = load_recipe("recipe.yaml", "demo", {"recipe.yaml": ASKING.encode()}, shared_parts())
    asked = [(item["component"], item["permission"], item["reason"]) for item in permissions_of(bundle.recipe)]
    assert asked[:2] == [
        ("app", "the internet and this host's sites", "It reads the news."),
        ("app", "the capability CHOWN", "It gives files away."),
    ]
    assert asked[2][:2] == ("app", "to be root in its container")
    assert asked[3] == ("jobs", "the internet and this host's sites, only if you allow it", "It looks for updates.")
    for component, what, reason in asked:
        assert f"- `{component}` asks for {what}: {reason}" in page(bundle)


def test_a_recipe_without_extra_permissions_is_shown_as_such(directory):
    assert permissions_of(read(directory).recipe) == []
    assert "nothing beyond the defaults: no network, no capability, no root" in page(read(directory))


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("forgejo", "a short stop: databases by SQLite, files while it is stopped for a moment"),
        ("mediawiki", "0 s downtime: databases by SQLite, files while it works"),
        ("miniflux", "0 s downtime: the database by its own dump"),
        ("radicale", "0 s downtime: files while its writes wait"),
        ("wordpress", "0 s downtime: the database by its own dump, files while it works"),
    ],
)
def test_what_a_backup_costs_is_shown_with_why_that_is_enough(name, cost):
    bundle = read(ROOT / "recipes" / name)
    assert backup_lines(bundle.recipe) == [cost, bundle.recipe.backup.why]
    assert f"- a backup: {cost}. {bundle.recipe.backup.why}" in page(bundle)


def test_a_recipe_that_does_not_say_how_a_backup_is_consistent_is_stopped():
    text = f"{ASKING}volumes: {{data: {{}}}}\n"
    recipe = load_recipe("recipe.yaml", "demo", {"recipe.yaml": text.encode()}, shared_parts()).recipe
    (line,) = backup_lines(recipe)
    assert line.startswith("it is stopped for a part of each")
    assert backup_lines(recipe.model_copy(update={"volumes": {}})) == []


def test_the_kind_of_a_setting_names_its_options_and_its_default():
    source = read_yaml("recipe.yaml", (ROOT / "recipes/static/recipe.yaml").read_text())
    setting = read(ROOT / "recipes/static").recipe.settings["generator"]
    assert kind_of(setting) == "none | hugo, default 'none'"
    assert list(source.value["settings"]["generator"]["options"]) == ["none", "hugo"]
    assert kind_of(setting.model_copy(update={"default": None})) == "none | hugo, required"


def test_a_record_is_json_that_people_can_read(directory):
    prove(directory)
    found = json.loads((directory / "tested.json").read_text())
    assert found.keys() >= {"format", "recipe", "version", "digest", "date", "by", "host", "levels", "measured"}
