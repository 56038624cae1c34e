"""Whatever a link to the login names, the visitor stays on the host."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

import pytest
from chainsaw_login.target import local, target_in
from hypothesis import example, given
from hypothesis import strategies as st

BASE = "https://blog.example.org/.chainsaw/login"
TRICKY = st.text(alphabet="/\\.:@?#%25eEaz\t\r\n \0x[]", max_size=30)


@given(st.one_of(st.text(max_size=60), TRICKY, TRICKY.map(lambda text: "/" + text)))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("/..//evil.example")
@example("https://evil.example")
def test_a_target_stays_on_the_host(text):
    for target in (local(text), target_in(f"to={text}"), target_in("to=" + quote(text, safe=""))):
        assert target.isascii()
        assert target.isprintable()
        assert " " not in target
        assert "\\" not in target
        assert target.startswith("/")
        assert not target.startswith("//")
        found = urlsplit(urljoin(BASE, target))
        assert (found.scheme, found.netloc) == ("https", "blog.example.org")
        assert not found.path.startswith("//")


@given(st.from_regex(r"/([a-z][a-z0-9%._~-]{0,8}/?){0,4}(\?[a-z0-9=&%/:]{0,20})?", fullmatch=True))
def test_a_path_is_followed_as_it_is(path):
    assert local(path) == path
    assert target_in(f"to={path}") == path
    assert target_in("to=" + quote(path, safe="")) == path


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("to=/a?b=1&c=2", "/a?b=1&c=2"),
        ("to=%2Fa%3Fb=1%26c=2", "/a?b=1&c=2"),
        ("to=/a%20b?c=%2F", "/a%20b?c=%2F"),
        ("to=%2f%2fevil.example", "/"),
        ("to=%2F%5Cevil.example", "/"),
        ("to=/a%0d%0aSet-Cookie:x", "/a%0d%0aSet-Cookie:x"),
        ("to=%2Fa%0d%0aSet-Cookie:x", "/"),
        ("to=/.chainsaw/login", "/"),
        ("to=/.Chainsaw/logout", "/"),
        ("to=/a/../b", "/"),
        ("to=/a/%2e%2E/b", "/"),
        ("to=/.well-known/x", "/.well-known/x"),
        ("to=javascript:alert(1)", "/"),
        ("to=/" + "a" * 2048, "/"),
        ("x=1&to=/a", "/"),
        ("to=", "/"),
        ("", "/"),
    ],
)
def test_what_follows_to_is_the_target(query, target):
    assert target_in(query) == target
