"""The Debian package: what is in it, and that building it needs nothing but Python."""

from __future__ import annotations

import ast
import gzip
import importlib.util
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from chainsaw import __version__

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".deb/build"


@pytest.fixture(scope="module")
def build():
    """The program that builds the package."""
    loader = SourceFileLoader("build", str(BUILD))
    spec = importlib.util.spec_from_loader("build", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tree(build, tmp_path_factory):
    """The files of the package, as they are installed."""
    directory = tmp_path_factory.mktemp("package")
    build.fill(directory)
    return directory


def test_it_is_built_with_the_standard_library_alone():
    found = [node for node in ast.walk(ast.parse(BUILD.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in found if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in modules} <= sys.stdlib_module_names


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / ".deb/man").iterdir()))
def test_a_manual_page_has_the_version_and_a_day(tree, page):
    text = gzip.decompress((tree / f"usr/share/man/man{page[-1]}/{page}.gz").read_bytes()).decode()
    title = text.splitlines()[0]
    assert f'"chainsaw {__version__}"' in title
    assert title.split('"')[5].count("-") == 2
    assert "@" not in title


def test_the_manual_and_the_guide_are_in_it_and_their_links_lead_somewhere(tree):
    documents = tree / "usr/share/doc/chainsaw"
    for name in ("README.md", "recipes/README.md"):
        text = (documents / name).read_text()
        assert text == (ROOT / name).read_text()
        for link in re.findall(r"\]\(([^)#:]+)[)#]", text):
            assert (documents / name).parent.joinpath(link).exists(), link


COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/chainsaw",
    "zsh": "usr/share/zsh/vendor-completions/_chainsaw",
    "fish": "usr/share/fish/vendor_completions.d/chainsaw.fish",
}


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_a_shell_asks_chainsaw_itself_how_to_complete_it(tree, shell):
    """The script is that of the click that is installed: it and the program have to understand each other."""
    assert f"_CHAINSAW_COMPLETE={shell}_source chainsaw" in (tree / COMPLETIONS[shell]).read_text()


def test_what_completes_words_in_bash_is_installed_with_it():
    recommended = next(
        line for line in (ROOT / ".deb/control").read_text().splitlines() if line.startswith("Recommends:")
    )
    assert "bash-completion" in recommended
