"""What is read of a request, whatever was sent."""

from __future__ import annotations

import base64
import io

import pytest
from chainsaw_login.web import BadRequestError, Request, cookie_in, set_cookie
from hypothesis import given
from hypothesis import strategies as st

VALUE = st.text(alphabet="ABCabc019_.-", min_size=1, max_size=20)
OTHER = st.text(alphabet='ab=; ,"\\\t{}%', max_size=20).filter(lambda text: "s=" not in text.replace(" ", ""))


def request(**more):
    return Request({"REQUEST_METHOD": "POST", **more})


def sent(body, **more):
    environ = {
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **more,
    }
    return request(**environ).form()


@given(st.text(), st.text(max_size=5))
def test_no_cookie_header_is_too_odd(header, name):
    assert cookie_in(header, name) in header


@given(OTHER, VALUE, OTHER)
def test_a_cookie_is_found_among_an_applications_own(before, value, after):
    assert cookie_in(f"{before}; __Host-s={value}; {after}", "__Host-s") == value
    assert cookie_in(f"{before};{after}", "__Host-s") == ""


def test_of_two_cookies_the_first_counts_and_names_are_whole():
    assert cookie_in("xs=0; s=1; s=2", "s") == "1"
    assert cookie_in("S=1; sx=2; s", "s") == ""


@given(VALUE, st.one_of(st.none(), st.integers(0, 10**7)))
def test_a_cookie_that_is_set_can_be_read(value, seconds):
    assert cookie_in(set_cookie("__Host-s", value, seconds)[1], "__Host-s") == value


@given(st.binary(max_size=60))
def test_no_form_is_too_odd(body):
    try:
        fields = sent(body)
    except BadRequestError:
        return
    assert all(isinstance(value, str) for value in fields.values())


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b"a=1", {"CONTENT_TYPE": "multipart/form-data; boundary=x"}),
        (b"a=1", {"CONTENT_TYPE": ""}),
        (b"a=1", {"CONTENT_LENGTH": "-1"}),
        (b"a=1", {"CONTENT_LENGTH": "x"}),
        (b"a=" + b"1" * 16384, {}),
        (b"&".join(b"a=1" for _ in range(17)), {}),
        (b"a=%ff", {}),
        (b"a=\xff", {}),
    ],
)
def test_a_form_is_bounded_and_text(body, more):
    with pytest.raises(BadRequestError):
        sent(body, **more)


def test_a_form_may_name_its_characters():
    kind = "application/x-www-form-urlencoded; charset=UTF-8"
    assert sent(b"a=%C3%A4+b&c=", CONTENT_TYPE=kind) == {"a": "ä b", "c": ""}


@given(st.text(max_size=20).filter(lambda text: ":" not in text), st.text(max_size=20))
def test_credentials_are_read(user, password):
    word = base64.b64encode(f"{user}:{password}".encode()).decode()
    for scheme in ("Basic", "basic", "BASIC"):
        assert request(HTTP_AUTHORIZATION=f"{scheme} {word}").credentials() == (user, password)


@given(st.text(max_size=40))
def test_no_credentials_are_too_odd(text):
    assert request(HTTP_AUTHORIZATION=f"Basic {text}").credentials() is not None
    assert request(HTTP_AUTHORIZATION=f"Bearer {text}").credentials() is None


def test_long_credentials_are_nobodys():
    assert request(HTTP_AUTHORIZATION="Basic " + "QTpB" * 2000).credentials() == ("", "")
    assert request().credentials() is None


@pytest.mark.parametrize(
    ("host", "name"),
    [("Blog.Example.org:8443", "blog.example.org"), ("[2001:DB8::1]:443", "[2001:db8::1]"), ("localhost", "localhost")],
)
def test_the_host_has_no_port(host, name):
    assert request(HTTP_HOST=host).host == name


@pytest.mark.parametrize("host", ["", "a b", 'a"b', "a/b", "a\r\nb", "a:b", "<x>", "[::1"])
def test_a_host_is_a_name(host):
    with pytest.raises(BadRequestError):
        _ = request(HTTP_HOST=host).host
