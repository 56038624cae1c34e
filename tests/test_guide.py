"""What the guide for authors says is what chainsaw does, and its example is a recipe that is shipped."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from chainsaw.cli.main import group
from chainsaw.compile.context import Host, Job
from chainsaw.host import files
from chainsaw.load.check import known_keys
from chainsaw.load.site import load_instance
from chainsaw.load.yaml import read_yaml
from chainsaw.model.base import Model
from chainsaw.model.paths import Paths
from chainsaw.model.recipe import Directive, Recipe, Setting
from chainsaw.model.site import Site
from chainsaw.model.tested import LEVELS
from chainsaw.work.recipes.catalog import read_recipe
from chainsaw.work.recipes.shipped import shared_files, shared_parts, shipped

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "recipes/README.md").read_text()
PROSE = " ".join(GUIDE.split())
BLOCKS = [
    re.sub("^    ", "", block, flags=re.MULTILINE) for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", GUIDE, re.M)
]
INLINE = re.findall(r"`([^`\n]+)`", GUIDE)
IN_YAML = [block.replace("…", "").strip("\n") for block in BLOCKS if re.match(r"\n*[a-z]+:", block)]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("chainsaw ")]


def table(heading):
    """Return the rows of the table whose first column has a heading, each as a list of cells."""
    found = re.search(rf"^\| {heading} \|.*\n\| ---.*\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    assert found, heading
    return [re.split(r"(?<!\\) ?\| ?", row)[1:-1] for row in found[1].splitlines()]


def every_model():
    found, waiting = list[type[Model]](), [Model]
    while waiting:
        fresh = waiting.pop().__subclasses__()
        found, waiting = found + fresh, waiting + fresh
    return found


def within(path):
    """Return a key path as one of a recipe, seen from inside the option of a variant."""
    return path[3:] if path[:1] == ("variants",) and len(path) > 3 else path


def test_the_guide_has_examples_and_commands():
    assert len(IN_YAML) > 8
    assert len(COMMANDS) > 4


@pytest.mark.parametrize("text", IN_YAML, ids=lambda text: text.split(":")[0])
def test_every_key_of_an_example_is_a_key_of_a_recipe(text):
    for path in read_yaml("guide.yaml", text).keys:
        known = known_keys(Recipe, within(path)[:-1])
        assert not known or within(path)[-1] in known, path


def holds(whole, part):
    """Tell whether all that an example says is in a recipe, too; of a list, an example may leave items out."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and holds(whole[key], part[key]) for key in part)
    if isinstance(part, tuple):
        return isinstance(whole, tuple) and all(any(holds(item, one) for item in whole) for one in part)
    return bool(whole == part)


@pytest.mark.parametrize("text", IN_YAML, ids=lambda text: text.split(":")[0])
def test_every_example_is_part_of_a_recipe_that_is_shipped(text):
    part = read_yaml("guide.yaml", text).value
    names = ("radicale", "static", "miniflux", "mediawiki")
    recipes = [read_yaml(name, (ROOT / f"recipes/{name}/recipe.yaml").read_text()).value for name in names]
    assert any(holds(whole, part) for whole in recipes)


def test_the_image_and_the_start_script_of_the_example_are_those_that_are_shipped():
    shown = {block.strip("\n") for block in BLOCKS if block.lstrip("\n").startswith(("ARG BASE", "#!/bin/sh"))}
    for name in ("Containerfile", "start-radicale"):
        assert (ROOT / "recipes/radicale/images/app" / name).read_text().strip("\n") in shown, name


def test_every_key_that_it_mentions_is_a_key():
    keys = {key for model in every_model() for key in model.model_fields}
    mentioned = {found[1] for text in INLINE if (found := re.match(r"([a-z_]+):(?: |$)", text))}
    assert mentioned
    assert mentioned <= keys


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_an_example_is_accepted_by_the_parser(line, tmp_path, monkeypatch):
    (tmp_path / "radicale").mkdir()
    monkeypatch.chdir(tmp_path)
    parse(shlex.split(re.split("[>|]", line)[0])[1:])


def parse(words):
    """Hand words on to the command that they name; raise what click raises when it does not take them."""
    command: Any = group
    context = click.Context(group)
    while isinstance(command, click.Group):
        word, *words = words
        command = command.get_command(context, word)
        assert command is not None, word
    command.make_context(word, words)


def test_every_command_in_the_guide_exists():
    mentioned = [re.split("[>|]", text)[0].split()[1:] for text in INLINE if text.startswith("chainsaw ")]
    assert mentioned
    for words in mentioned:
        command: Any = group
        while words and isinstance(command, click.Group):
            command, words = command.get_command(click.Context(command), words[0]), words[1:]
            assert command is not None


def test_the_levels_are_those_of_the_test():
    assert {int(number): meaning for number, meaning in table("level")} == LEVELS


def test_every_base_is_a_shared_image():
    bases = [name.strip("`") for name, _ in table("base")]
    assert "base" in bases
    assert set(bases) <= set(shared_files().images)


def test_the_socket_of_every_building_block_is_right():
    parts = shared_parts()
    for line, component, how in table("line"):
        key, name = line.strip("`").split(": ")
        assert key in Recipe.model_fields
        brought = read_yaml("part.yaml", parts[name]["part.yaml"].decode()).value["recipe"]["components"]
        assert list(brought) == [component.strip("`")]
        for socket in re.findall(r"`(/run/instance/\S+)`", how):
            assert any(socket in content.decode() for content in parts[name].values()), socket


def test_every_listed_name_exists_in_templates():
    bundle = read_recipe(str(ROOT / "recipes/radicale"), "radicale")
    file = load_instance("instances/dav.yaml", "recipe: radicale\nroute: https://dav.localhost/\n")
    context = Job(file, bundle, Site(), None, Host(Paths.of("/home/admin", {})), shared_files()).context
    names = [name for row in table("name") for name in re.findall(r"`([a-z_.<>]+)`", row[0])]
    assert {name.split(".")[0].split("<")[0] for name in names} == set(context)
    for name in names:
        first, _, second = name.partition(".")
        assert not second or second == "<name>" or second in context[first], name


def test_the_kinds_of_settings_and_the_common_directives_are_those_of_the_code():
    (kinds,) = re.findall(r"Kinds: (.*?)\.", PROSE)
    assert tuple(re.findall("`([a-z]+)`", kinds)) == get_args(Setting.model_fields["type"].annotation)
    (directives,) = re.findall(r"under `honours` which of (.*?) you map", PROSE)
    assert set(re.findall("`([a-z_]+)`", directives)) <= set(get_args(Directive))


def test_the_skeletons_are_those_that_are_shipped():
    (shown,) = re.findall(r"`--from` is (.*?)\. ", PROSE)
    assert sorted(re.findall("`([a-z]+)`", shown)) == files.list_directory(shipped("quadlets/skeletons"))


def test_the_listed_header_fields_are_set():
    (shown,) = re.findall(r"behind a proxy: (.*?)\. With", PROSE)
    template = shared_files().templates["nginx/http-params.conf.j2"]
    for field in re.findall("`([A-Za-z-]+)`", shown):
        assert f"proxy_set_header {field} " in template, field


def test_every_recipe_in_the_guide_exists():
    mentioned = set(re.findall(r"`recipes/([a-z]+)", GUIDE))
    assert mentioned
    for name in mentioned:
        assert (ROOT / "recipes" / name / "recipe.yaml").exists()
