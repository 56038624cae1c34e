"""What the README says is what chainsaw does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chainsaw.cli.main import EPILOG
from chainsaw.cli.verbs import FUNCTIONS, VERBS
from chainsaw.errors import ChainsawError, Exit
from chainsaw.load.site import load_intent
from chainsaw.model.site import Common, Site
from chainsaw.work.recipes.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```yaml\n# ~/\.config/chainsaw/(\S+)\n(.*?)```", README, re.DOTALL)


def test_the_exit_codes_are_those_of_the_code_and_of_the_help():
    table = re.findall(r"^\| ([0-9]) \| (.+) \|$", README, re.MULTILINE)
    assert [int(code) for code, _ in table] == [item.value for item in Exit]
    for code, meaning in table:
        assert re.search(
            rf"[: ;\n]{code} {re.escape(meaning.split(',')[0].split(';')[0].split(' (')[0][:12])}", EPILOG
        ), code


def test_every_command_in_the_readme_exists():
    shown = set(re.findall(r"(?:\$ |`|sudo |: )(?:sudo )?chainsaw ([a-z]+)", README))
    assert shown
    assert shown <= set(VERBS)


def test_the_table_of_functions_names_the_verbs_that_the_help_lists_there():
    rows = re.findall(r"^\| ([A-Z][a-z]+) \| (`.+`.*) \| .* \|$", README, re.MULTILINE)
    assert {name for name, _ in rows} <= set(FUNCTIONS)
    for name, text in rows:
        shown = set(re.findall(r"`(?:chainsaw )?([a-z]+)", text)) & set(VERBS)
        # Whatever is written into a file, apply carries out.
        assert shown - {"apply"} <= {verb.name for verb in FUNCTIONS[name]}, name


def test_the_readme_has_its_examples():
    assert [file for file, _ in EXAMPLES] == ["instances/blog.yaml", "site.yaml", "instances/wiki.yaml"]


def test_the_examples_are_valid_together():
    files = dict(EXAMPLES)
    intent = load_intent(("site.yaml", files.pop("site.yaml")), files, Catalog())
    assert list(intent.instances) == ["blog", "wiki"]


@pytest.mark.parametrize("key", [*Site.model_fields, *Common.model_fields])
def test_every_key_of_the_site_is_in_the_example_or_has_one_value_only(key):
    text = dict(EXAMPLES)["site.yaml"]
    assert re.search(rf"^{key}:", text, re.MULTILINE)


def test_the_error_in_the_readme_is_the_real_one():
    shown = re.search(r"    error: (instances/blog\.yaml:(\d+):.*?\n    +hint: .*?\n)", README, re.DOTALL)
    assert shown
    lines = [line.removeprefix("    ") for line in shown[1].splitlines()]
    source = lines[1].removeprefix("  ")
    text = (
        "recipe: wordpress\nroute: https://blog.localhost/\n" + "#\n" * (int(shown[2]) - 4) + f"settings:\n{source}\n"
    )
    with pytest.raises(ChainsawError) as caught:
        load_intent(("site.yaml", None), {"instances/blog.yaml": text}, Catalog())
    (problem,) = caught.value.diagnostics
    assert problem.render().splitlines() == lines


def test_the_table_of_recipes_shows_what_their_tests_measured():
    rows = re.findall(r"^\| ([a-z-]+) \| [^|]+ \| ([0-9]+) MB \| ([0-9]+) MB \|(.*)\|$", README, re.MULTILINE)
    shown = {name: (int(idle), int(own), re.findall("[0-9.]+", times)) for name, idle, own, times in rows}
    expected = {}
    for file in ROOT.glob("recipes/*/tested.json"):
        measured = json.loads(file.read_text())["measured"]
        times = [measured.get(f"{what}_seconds") for what in ("first_start", "restart", "wake")]
        in_words = [f"{seconds:.1f}" for seconds in times if seconds]
        expected[file.parent.name] = (round(measured["memory_idle_mb"]), measured["image_own_mb"], in_words)
    assert shown == expected


def test_every_promise_names_the_tests_that_try_it():
    chapter = README.partition("## What is promised, and what is shared")[2].partition("## How fast")[0]
    rows = [line for line in chapter.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) >= 8
    for row in rows:
        named = re.findall(r"`(tests/[^`]+)`", row)
        assert named, row
        assert [path for path in named if not (ROOT / path).exists()] == [], row
