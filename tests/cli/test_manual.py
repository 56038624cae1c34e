"""The manual pages: each command and each key is in them, and no text is taken for a command of roff."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_verbs import command_of

from chainsaw import __version__
from chainsaw.cli.keys import EXAMPLES, keys_of
from chainsaw.cli.main import EXIT_CODES
from chainsaw.cli.manual import ENVIRONMENT, FILES, OF_ALL, pages
from chainsaw.cli.roff import Page, bold, escaped, marked
from chainsaw.cli.verbs import FUNCTIONS, TEN, every_path, verb_at
from chainsaw.errors import Exit
from chainsaw.load.check import known_keys
from chainsaw.load.recipe import load_recipe
from chainsaw.load.site import load_intent
from chainsaw.load.source import KeyPath
from chainsaw.model.paths import Paths
from chainsaw.model.recipe import Recipe
from chainsaw.model.site import Instance, Site
from chainsaw.work.config.schema import MODELS, schema_text
from chainsaw.work.recipes.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGED = ROOT / ".deb/man"
PAGES = pages("@VERSION@", "@DATE@")
MACROS = {"TH", "SH", "SS", "PP", "TP", "IP", "RS", "RE", "EX", "EE", "br"}
ESCAPES = {"(rs": "\\", "-": "-", "(aq": "'", "(ga": "`", "(ha": "^", "(ti": "~", "(dq": '"', "&": ""}
FONTS = {"fB", "fI", "fP"}


def read(line):
    """Return what roff prints for a line of text; fail for an escape that these pages should not have."""

    def printed(found):
        name = found[1]
        if name.startswith("[u"):
            return chr(int(name[2:-1], 16))
        return "" if name in FONTS else ESCAPES[name]

    return re.sub(r"\\(\[u[0-9A-F]{4,6}\]|\(..|f.|.)", printed, line)


def printed(text):
    """Return the lines of a page as they are printed, headings after a `#` and terms after a `*`.

    Fail for a macro that these pages should not have.
    """
    found, term = [], ""
    for line in text.splitlines():
        assert not line.startswith("'"), line
        macro = re.match(r"\.([A-Za-z]*)(?: (.*))?$", line)
        if macro is None:
            found.append(term + read(line))
            term = ""
            continue
        assert macro[1] in MACROS, line
        term = "* " if macro[1] == "TP" else ""
        if macro[1] in ("SH", "SS"):
            heading = (macro[2] or "").removeprefix('"').removesuffix('"')
            assert '"' not in heading
            found.append(f"{'#' if macro[1] == 'SH' else '##'} {read(heading)}")
    return found


SHOWN = {name: printed(text) for name, text in PAGES.items()}
COMMANDS = SHOWN["chainsaw.1"]


def test_the_pages_of_the_package_are_those_of_this_version(update):
    if update:
        for name, text in PAGES.items():
            (PACKAGED / name).write_text(text)
    packaged = {path.name: path.read_text() for path in PACKAGED.iterdir()}
    assert packaged == PAGES, "run: python3 -m pytest tests/cli/test_manual.py --update-golden"


def test_there_is_a_page_for_the_commands_and_one_for_each_file():
    assert set(PAGES) == {"chainsaw.1", *(f"chainsaw-{kind}.5" for kind in MODELS)}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_name_by_which_it_is_found(name):
    word, section = name.rsplit(".", 1)
    assert PAGES[name].startswith(f'.TH "{word.upper()}" "{section}" "@DATE@" "chainsaw @VERSION@" "chainsaw"\n')
    assert re.fullmatch(rf"{word} - \S.{{10,70}}", SHOWN[name][1])


def test_the_page_of_the_commands_has_what_one_looks_for_in_this_order():
    headings = [line[2:] for line in COMMANDS if line.startswith("# ")]
    wanted = "NAME, SYNOPSIS, DESCRIPTION, OPTIONS, COMMANDS, EXIT STATUS, FILES, ENVIRONMENT, EXAMPLES, SEE ALSO"
    assert headings == wanted.split(", ")


def test_the_commands_are_under_the_ten_functions():
    headings = [line[3:] for line in COMMANDS if line.startswith("## ")]
    assert headings == [*TEN, "Host and more"]
    for function in TEN:
        following = COMMANDS[COMMANDS.index(f"## {function}") + 1]
        assert (following == "There is no command for this yet.") == (function not in FUNCTIONS)


def of_command(path):
    """Return the lines of a command, without those of the next one."""
    usages = [line for line in COMMANDS if line == f"* chainsaw {path}" or line.startswith(f"* chainsaw {path} ")]
    first = COMMANDS.index(usages[0])
    rest = COMMANDS[first + 1 :]
    end = next(index for index, line in enumerate(rest) if line.startswith(("* chainsaw ", "#")))
    return COMMANDS[first], rest[:end]


@pytest.mark.parametrize("path", every_path())
def test_every_command_is_in_it_with_all_that_its_help_says(path):
    command = command_of(path)
    usage, lines = of_command(path)
    for item in command.params:
        if isinstance(item, click.Argument):
            assert (item.metavar or "|".join(getattr(item.type, "choices", ())) or item.name.upper()) in usage
        elif item.opts[-1] not in OF_ALL:
            assert any(line.startswith(f"* {', '.join(item.opts)}") for line in lines), item.opts
            assert any(line.startswith(item.help.replace("`", "")) for line in lines), item.opts
    assert lines[0] == verb_at(path).summary
    text = " ".join(" ".join(lines).split())
    for part in command.help.split("\n\n"):
        assert " ".join(part.replace("`", "").split()) in text


def test_an_explain_that_differs_from_all_others_is_explained():
    for path in every_path():
        _, lines = of_command(path)
        assert ("* --explain" in lines) == (not verb_at(path).stands_for), path


def test_every_exit_code_is_in_it():
    assert set(EXIT_CODES) == set(Exit)
    for code, meaning in EXIT_CODES.items():
        assert COMMANDS[COMMANDS.index(f"* {int(code)}") + 1].lower() == f"{meaning}."


def test_the_files_that_it_names_are_those_that_chainsaw_uses():
    paths = Paths.of("~", {})
    used = {
        f"{paths.own_files}/",
        paths.instance_file("NAME"),
        paths.site_file,
        f"{paths.instance('NAME')}/",
        f"{paths.public}/NAME/",
        f"{paths.generations}/",
    }
    assert {file for file in FILES if file.startswith("~")} == used
    assert {"/usr/share/chainsaw/recipes/", "/usr/share/doc/chainsaw/"} == set(FILES) - used


def test_the_variables_that_it_names_are_read():
    sources = "".join(path.read_text() for path in (ROOT / "chainsaw").rglob("*.py") if path.name != "manual.py")
    named = {name for term in ENVIRONMENT for name in term.split(", ")}
    assert {name for name in named if f'"{name}"' not in sources} == {"VISUAL", "EDITOR"}, "those two are read by click"


def every_key(kind):
    return keys_of(json.loads(schema_text(kind)))


@pytest.mark.parametrize("kind", MODELS)
def test_every_key_of_a_file_is_on_its_page_with_its_sentence(kind):
    shown = SHOWN[f"chainsaw-{kind}.5"]
    for key in every_key(kind):
        (term,) = (line for line in shown if line.startswith(f"* {key.path} ("))
        assert shown[shown.index(term) + 1] == " ".join(key.help.split())
        assert key.help.endswith((".", "/")), key.path
        assert ("required" in term) == (key.absent == "required")


@pytest.mark.parametrize(("kind", "model"), MODELS.items())
def test_no_key_of_a_file_is_left_out(kind, model):
    """Every key that the loader knows, at every depth, has an entry, or is said to have those of another one."""
    listed = {key.path: key for key in every_key(kind)}
    waiting: list[tuple[str, KeyPath]] = [(name, (name,)) for name in known_keys(model, ())]
    assert {name for name, _ in waiting} <= set(listed)
    while waiting:
        shown, path = waiting.pop()
        inside = [("", path), ("[]", (*path, 0)), (".NAME", (*path, "x"))]
        known = [
            (f"{shown}{suffix}.{name}", (*inner, name)) for suffix, inner in inside for name in known_keys(model, inner)
        ]
        described = [(key, inner) for key, inner in known if key in listed]
        assert bool(described) == bool(known) or "It has the same keys as" in listed[shown].help, shown
        waiting += described
        missing = {key.rpartition(".")[2] for key, _ in known} - {key.rpartition(".")[2] for key, _ in described}
        assert not described or not missing


def test_what_a_value_may_be_is_said_in_words():
    shown = SHOWN["chainsaw-site.5"] + SHOWN["chainsaw-recipe.5"] + SHOWN["chainsaw-instance.5"]
    for term in (
        "mail.port (number, 1 to 65535, default: 587)",
        "mail.tls (starttls | tls | none, default: starttls)",
        "revision (number, at least 1, required)",
        "maintainers (list of mappings, required)",
        "maintainers[].name (text, required)",
        "components (mapping of names to mappings)",
        "components.NAME.waits (true or false, default: false)",
        "settings (mapping of names to text or number or true or false)",
        "marker.read (list of mappings, required)",
    ):
        assert f"* {term}" in shown
    assert any(line.endswith("It has the same keys as marker.write[].") for line in shown)


def test_the_examples_are_valid():
    files = {"instances/blog.yaml": EXAMPLES["instance"]}
    intent = load_intent(("site.yaml", EXAMPLES["site"]), files, Catalog())
    assert list(intent.instances) == ["blog"]
    bundle = load_recipe("recipe.yaml", "pages", {"recipe.yaml": EXAMPLES["recipe"].encode()}, {}, "club/pages")
    assert bundle.recipe.title == "Pages"
    assert {"instance": Instance, "site": Site, "recipe": Recipe} == MODELS


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=60))
def test_any_text_is_printed_as_it_is(text):
    page = Page("x", 1, "x")
    page.paragraph(text.replace("`", "'"))
    page.item(bold(text), text.replace("`", "'"))
    plain, quoted = (" ".join(one.split()) for one in (text, text.replace("`", "'")))
    assert read(escaped(text)) == plain
    shown = [line for line in printed(page.text("1", "")) if line]
    assert shown[2:] == [line for line in [quoted, f"* {plain}", quoted] if line]


@pytest.mark.parametrize("line", [".SH no heading", "'br", "\\fBno\\fP font", "  .so /etc/passwd", "\\"])
def test_a_line_of_an_example_is_printed_as_it_is(line):
    page = Page("x", 1, "x")
    page.example(f"first\n{line}\n")
    assert printed(page.text("1", ""))[-1] == line


def test_what_is_between_backticks_is_bold_and_a_single_backtick_is_one():
    assert marked("run `chainsaw apply`, then wait") == r"run \fBchainsaw apply\fP, then wait"
    assert marked("`.deb` and it's done") == r"\fB\&.deb\fP and it\(aqs done"
    assert marked("a ` alone") == r"a \(ga alone"


def test_they_are_written_where_man_looks_for_them(tmp_path):
    argv = [sys.executable, "-m", "chainsaw.cli.manual", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {f"man{name[-1]}/{name}" for name in PAGES}
    assert f"chainsaw {__version__}" in (tmp_path / "man1/chainsaw.1").read_text()
    done = subprocess.run(argv[:-1], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "usage: python3 -m chainsaw.cli.manual DIR\n")
