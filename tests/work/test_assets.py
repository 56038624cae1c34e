"""The first stylesheet and script of a page, as a browser would ask for them, if they are on the page's own host."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainsaw.work.trial.page import first_assets

URL = "https://blog.example.org/wiki/start"


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("", {}),
        ("<p>plain", {}),
        ('<link rel="stylesheet" href="/a.css">', {"css": "/a.css"}),
        ('<link rel="stylesheet" href="a.css"><link rel="stylesheet" href="b.css">', {"css": "/wiki/a.css"}),
        ('<link rel="stylesheet" href="../a.css?v=1&amp;w=2#x">', {"css": "/a.css?v=1&w=2"}),
        ('<link rel="alternate Stylesheet" href="/a.css">', {"css": "/a.css"}),
        ("<LINK REL=stylesheet HREF=/a.css>", {"css": "/a.css"}),
        ('<link rel="icon" href="/a.ico"><link rel="stylesheet">', {}),
        ('<script src="/a.js"></script>', {"js": "/a.js"}),
        ('<script type="module" src="https://blog.example.org/a.js" defer></script>', {"js": "/a.js"}),
        ('<script src="/a b.js"></script>', {"js": "/a%20b.js"}),
        ('<link rel="stylesheet" href="/ä%20b.css?c=ö">', {"css": "/%C3%A4%20b.css?c=%C3%B6"}),
        ("<script>document.write('<script src=/a.js>')</script>", {}),
        ('<!-- <script src="/a.js"></script> -->', {}),
        ('<script src="https://cdn.example.com/a.js"></script><script src="/b.js"></script>', {"js": "/b.js"}),
        ('<script src="//cdn.example.com/a.js"></script>', {}),
        ('<script src="http://blog.example.org/a.js"></script>', {}),
        ('<script src="data:text/javascript,1"></script>', {}),
        ('<base href="/app/"><script src="a.js"></script>', {"js": "/app/a.js"}),
        ('<base href="https://blog.example.org/x/"><base href="/y/"><script src="a.js"></script>', {"js": "/x/a.js"}),
        ('<base target="_top"><script src="a.js"></script>', {"js": "/wiki/a.js"}),
        ('<base href="https://cdn.example.com/"><script src="a.js"></script>', {}),
        ('<script src="/a.js"><link rel=stylesheet href=/no.css></script><link rel=stylesheet href=/a.css>', None),
    ],
)
def test_what_a_browser_would_ask_for_first(page, found):
    assert first_assets(page, URL) == ({"js": "/a.js", "css": "/a.css"} if found is None else found)


def test_a_port_belongs_to_the_host():
    page = '<script src="https://blog.example.org/a.js"></script><script src="b.js"></script>'
    assert first_assets(page, "https://blog.example.org:8443/") == {"js": "/b.js"}


@given(st.text())
@example("//[")
@example("<![x[y]]>")
@example("https://blog.example.org:port/")
def test_no_page_is_too_broken(text):
    for page in (text, f"<link rel=stylesheet href={text}>", f'<base href="{text}"><script src="{text}">'):
        assert set(first_assets(page, URL)) <= {"css", "js"}
