"""The pages of the front: each language has all of them, and each visitor sees that of the instance."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chainsaw.compile.front.pages import MAINTENANCE, MISSING, UNAVAILABLE, page_files
from chainsaw.load.yaml import read_yaml
from chainsaw.model.names import check_language
from chainsaw.work.recipes.shipped import shared_files

TEXTS = sorted((Path(__file__).parents[2] / "quadlets/nginx/pages").iterdir())
PAGES = (MAINTENANCE, MISSING, UNAVAILABLE)


def language_of(page):
    (language,) = re.findall('<html lang="([^"]*)">', page.content.decode())
    return language


@pytest.mark.parametrize("file", TEXTS, ids=[file.stem for file in TEXTS])
def test_a_language_has_every_text_as_plain_text(file):
    assert file.suffix == ".yaml"
    assert check_language(file.stem) == file.stem
    texts = read_yaml(file.name, file.read_text()).value
    assert sorted(texts) == sorted(PAGES)
    for text in texts.values():
        assert sorted(text) == ["text", "title"]
        assert not re.search(r"[<>&{}\n]", text["title"] + text["text"])
        assert not text["title"].endswith(".")
        assert text["text"].endswith((".", "।"))


def test_there_are_texts_in_the_languages_that_are_promised():
    assert {file.stem for file in TEXTS} >= {"en", "de", "fr", "es", "pt", "it", "nl", "pl", "hi"}


@pytest.mark.parametrize(
    ("language", "shown"),
    [("de", "de"), ("de_AT", "de"), ("pt", "pt"), ("pt_BR", "pt-BR"), ("hi", "hi"), ("en_GB", "en"), ("is", "en")],
)
def test_a_page_is_in_the_closest_language_that_has_texts(language, shown):
    pages = list(page_files(shared_files(), language, PAGES, "blog"))
    assert [page.path for page in pages] == [f"nginx/pages/.chainsaw/blog/{name}.html" for name in PAGES]
    assert {language_of(page) for page in pages} == {shown}
    assert {page.owner for page in pages} == {"blog"}


def test_pages_are_in_the_language_of_the_instance_or_else_of_the_site(goldens):
    tree = goldens["directives"].tree
    found = {path: language_of(tree[path]) for path in tree if path.startswith("nginx/pages/")}
    assert found == {
        "nginx/pages/.chainsaw/missing.html": "de",
        "nginx/pages/.chainsaw/blog/missing.html": "es",
        "nginx/pages/.chainsaw/blog/unavailable.html": "es",
        "nginx/pages/.chainsaw/club/missing.html": "de",
        "nginx/pages/.chainsaw/club/unavailable.html": "de",
    }


def test_every_page_that_a_site_is_told_to_show_is_there(goldens):
    for site in goldens.values():
        texts = [site.text(path) for path in site.tree if re.match("nginx/(hosts|locations)/", path)]
        named = {name for text in texts for name in re.findall(r"/(\.chainsaw/\S+\.html)", text)}
        assert {f"nginx/pages/{name}" for name in named} <= site.tree.keys()
