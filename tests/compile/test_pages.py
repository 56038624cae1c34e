"""The pages of the front: each language has all of them, and each visitor sees that of the instance."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chainsaw.compile.front.pages import (
    FORBIDDEN,
    GONE,
    LARGE,
    LIMIT,
    MAINTENANCE,
    MANY,
    MISSING,
    REFUSED,
    UNAVAILABLE,
    page_files,
)
from chainsaw.load.yaml import read_yaml
from chainsaw.model.names import check_language
from chainsaw.work.recipes.shipped import shared_files

TEXTS = sorted((Path(__file__).parents[2] / "quadlets/nginx/pages").iterdir())
PAGES = (FORBIDDEN, GONE, LARGE, MAINTENANCE, MANY, MISSING, REFUSED, UNAVAILABLE)


def language_of(page):
    (language,) = re.findall('<html lang="([^"]*)">', page.content.decode())
    return language


@pytest.mark.parametrize("file", TEXTS, ids=[file.stem for file in TEXTS])
def test_a_language_has_every_text_as_plain_text(file):
    assert file.suffix == ".yaml"
    assert check_language(file.stem) == file.stem
    texts = read_yaml(file.name, file.read_text()).value
    assert sorted(texts) == sorted(PAGES)
    assert texts[LARGE]["text"].count(LIMIT) == 1
    texts[LARGE]["text"] = texts[LARGE]["text"].replace(LIMIT, "64 MB")
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
    pages = list(page_files(shared_files(), language, PAGES, "blog", "64M"))
    assert [page.path for page in pages] == [f"nginx/pages/.chainsaw/blog/{name}.html" for name in PAGES]
    assert {language_of(page) for page in pages} == {shown}
    assert {page.owner for page in pages} == {"blog"}


def test_pages_are_in_the_language_of_the_instance_or_else_of_the_site(goldens):
    tree = goldens["directives"].tree
    found = {path: language_of(tree[path]) for path in tree if path.startswith("nginx/pages/")}
    assert found == {
        "nginx/pages/.chainsaw/missing.html": "de",
        "nginx/pages/.chainsaw/blog/large.html": "es",
        "nginx/pages/.chainsaw/blog/many.html": "es",
        "nginx/pages/.chainsaw/blog/missing.html": "es",
        "nginx/pages/.chainsaw/blog/unavailable.html": "es",
        "nginx/pages/.chainsaw/club/large.html": "de",
        "nginx/pages/.chainsaw/club/many.html": "de",
        "nginx/pages/.chainsaw/club/missing.html": "de",
        "nginx/pages/.chainsaw/club/unavailable.html": "de",
    }


@pytest.mark.parametrize(
    ("limit", "shown"), [("64M", "64 MB"), ("512K", "512 kB"), ("2G", "2 GB"), ("65536", "65536 bytes")]
)
def test_the_page_for_what_is_too_large_says_what_is_not(limit, shown):
    (page,) = page_files(shared_files(), "de", (LARGE,), "blog", limit)
    assert f"nimmt Dateien bis {shown} an." in page.content.decode()


def test_a_file_of_the_limit_fits_with_the_form_around_it(goldens):
    """The front, and PHP behind it, take 1 MB more than the file."""
    seen = set()
    for site in goldens.values():
        for path in site.tree:
            if path.endswith("php.ini") and (
                found := re.search(r"^upload_max_filesize = (\d+)M$", site.text(path), re.M)
            ):
                allowed = (int(found[1]) + 1) * 1024**2
                name = path.split("/")[1]
                assert f"post_max_size = {allowed}\n" in site.text(path), path
                front = site.text(f"nginx/locations/{name}.conf")
                closed = "return 503" in front
                assert set(re.findall(r"client_max_body_size (\d+);", front)) == {str(allowed)}, path
                assert closed or "error_page 413 " in front
                seen.add(name)
    assert seen


def test_every_page_that_a_site_is_told_to_show_is_there(goldens):
    for site in goldens.values():
        texts = [site.text(path) for path in site.tree if re.match("nginx/(hosts|locations)/", path)]
        named = {name for text in texts for name in re.findall(r"/(\.chainsaw/\S+\.html)", text)}
        assert {f"nginx/pages/{name}" for name in named} <= site.tree.keys()
