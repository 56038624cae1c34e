"""Whatever becomes a path, a unit, a host name or an argument can be nothing else."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.model import names
from chainsaw.model.either import word_or
from chainsaw.model.names import (
    check_capability,
    check_email,
    check_ending,
    check_file_path,
    check_header,
    check_header_value,
    check_host,
    check_instance,
    check_language,
    check_login,
    check_path,
    check_period,
    check_prefix,
    check_reference,
    check_relative,
    check_setting,
    check_size,
    check_span,
    check_text,
    check_timezone,
    check_word,
    size_in_bytes,
    span_in_seconds,
)
from chainsaw.model.publish import check_route
from chainsaw.model.site import Instance

check_rest = word_or("never", check_span)
SPICE = "abz09-_./:%@?#[] \n\r\t\0\\$;{}\"'Aé\x85\u2028"
AS_ONE_WORD = [
    check_instance,
    check_word,
    check_host,
    check_period,
    check_span,
    check_setting,
    check_size,
    check_capability,
    check_language,
    check_ending,
]
AS_A_PATH = [check_path, check_relative, check_prefix, check_timezone]
DANGEROUS = re.compile(r"[\s%\\$;{}\"'\0\x7f-\x9f\u2028\u2029]")


GOOD = {
    check_instance: ["a", "blog", "blog-2", "a" + "b" * 30],
    check_word: ["db", "admin_password", "my-db"],
    check_login: ["kim", "kim@example.org", "apikey"],
    check_setting: ["title", "user_creation_mode", "wgSitename", "FILES_MAX2"],
    check_host: ["localhost", "blog.example.org", "xn--bcher-kva.example", "1.example", "a" * 63 + ".example"],
    check_path: ["/", "/srv/data", "/srv/data/", "/.well-known/a~b"],
    check_relative: ["my.cnf", "images/app", "a.b/c-d_e"],
    check_file_path: ["recipe.yaml", "files/Größe 2.txt", ".gitignore", "a/..b", "x" * 255],
    check_prefix: ["/", "/wp-content/", "/2024/summer/"],
    check_reference: [
        "docker.io/library/nginx:1.30",
        "registry.example.org:5000/a/b",
        "ghcr.io/a/b@sha256:" + "0" * 64,
        "quay.io/a/b:1@sha256:" + "f" * 64,
    ],
    check_email: ["admin@example.org", "a.b+c@localhost", "o'neill@example.org"],
    check_ending: [".php", ".p7"],
    check_size: ["1", "64M", "512K", "2G"],
    check_period: ["1m", "15m", "60m", "1h", "6h", "24h", "1d", "7d"],
    check_span: ["30s", "15m", "2h", "1d"],
    check_rest: ["never", "15m"],
    check_header: ["Host", "X-Script-Name"],
    check_header_value: ["", "/wiki", "a; b='c'"],
    check_capability: ["CHOWN", "NET_BIND_SERVICE"],
    check_language: ["de", "de_AT", "ast"],
    check_timezone: ["UTC", "Europe/Vienna", "America/Argentina/Buenos_Aires", "Etc/GMT+1", "America/Port-au-Prince"],
    check_text: ["", "Walks by the sea", "100% of $HOME", "Ströme 😀"],
    check_route: ["https://blog.example.org/", "https://localhost/", "https://example.org/a/b/"],
}
BAD = {
    check_instance: ["", "Blog", "2blog", "blog-", "-blog", "my_blog", "a.b", "a" * 32, "front", "all", "blog\n"],
    check_word: ["", "DB", "1a", "a.b", "a/b", "a b"],
    check_login: ["", "a b", 'a"b', "a'b", "a\\b", "$a", "#a", "ä", "a\n"],
    check_setting: ["", "1a", "_a", "a-b", "a.b", "a b", "ä"],
    check_host: ["", ".", "a..b", "Blog.example.org", "-a.example", "a-.example", "a" * 64, "a_b.example", "a.b."],
    check_path: ["", "srv", "/srv/../etc", "/srv//data", "/./a", "/a b", "/a%20b", "/a:b", "/ü"],
    check_relative: ["", "/etc/passwd", "../up", "a/../b", "a/", "a//b"],
    check_file_path: ["", "/etc/passwd", "../up", "a/../b", "a/", "a//b", ".", ".git/x", "a/.GIT", "a\n", "x" * 256],
    check_prefix: ["", "/wp-content", "wp-content/", "/a/../b/"],
    check_reference: [
        "nginx",
        "docker.io/nginx:",
        "-docker.io/nginx",
        "docker.io/a@sha256:12",
        "Docker.io/a",
        "library/nginx",
        "localhost/a",
        "localhost:5000/a",
        "a.localhost/b",
        "127.0.0.1:5000/a",
        "127.1/a",
        "0.0.0.0/a",
        "dir:1/home",
        "registry:5000/a",
    ],
    check_email: ["", "admin", "@example.org", "a@b@c", "a b@example.org", "a@example..org"],
    check_ending: ["", "php", ".", ".PHP", ".php;", ".tar.gz", ".p hp"],
    check_size: ["", "0", "64m", "1.5G", "64MB", "-1M", " 1M", "064M"],
    check_period: ["", "30s", "90s", "7m", "45m", "90m", "5h", "36h", "2d", "14d"],
    check_span: ["", "0s", "15", "15min", "1.5h", "1w"],
    check_rest: ["", "none", "15", "0s"],
    check_header: ["", "X_Name", "-X", "X-", "X: y", "X\n"],
    check_header_value: ['"', "$host", "a\\b", "a\nb"],
    check_capability: ["CAP_CHOWN", "chown", "all", "ALL", ""],
    check_language: ["", "de-AT", "DE", "german", "de_at", "xx", "xx_AT"],
    check_timezone: [
        "",
        "Vienna",
        "CEST",
        "Europe/Wien",
        "Foo/Bar",
        "europe/vienna",
        "Europe/",
        "../etc/passwd",
        "Europe/../UTC",
    ],
    check_text: ["a\nb", "a\tb", "\x7f", "\x85", "\u2028", "\u2029", "\0"],
    check_route: [
        "http://blog.example.org/",
        "blog.example.org",
        "https://blog.example.org",
        "https://blog.example.org:8443/",
        "https://blog.example.org/?a=b",
        "https://blog.example.org/#top",
        "https://blog.example.org/?",
        "https://blog.example.org/#",
        "https://user@blog.example.org/",
        "https://Blog.example.org/",
        "HTTPS://blog.example.org/",
        " https://blog.example.org/",
        "https://blog.example.org/\n",
        "https://blog.exa\nmple.org/",
        "https://blog.example.org/a//b/",
        "https://blog.example.org/../",
        "https:///path/",
        "https://[::1]/",
        "https://[/",
    ],
}


def near(check):
    """Return texts that are accepted, almost accepted, or anything at all."""
    good = st.sampled_from(GOOD[check])
    cut = st.integers(0, 20)
    spoiled = st.builds(
        lambda word, place, extra: word[:place] + extra + word[place:], good, cut, st.text(SPICE, max_size=3)
    )
    return st.one_of(spoiled, st.text())


def accepted(check, value):
    try:
        return check(value) == value
    except ValueError:
        return False


@pytest.mark.parametrize("check", AS_ONE_WORD)
@given(st.data())
def test_a_word_is_one_segment_of_a_path_and_one_argument(check, data):
    value = data.draw(near(check))
    if accepted(check, value):
        assert value
        assert "/" not in value
        assert ".." not in value
        assert not value.startswith("-")
        assert not DANGEROUS.search(value)


@pytest.mark.parametrize("check", AS_A_PATH)
@given(st.data())
def test_a_path_never_leaves_its_root(check, data):
    value = data.draw(near(check))
    if accepted(check, value):
        assert value
        assert ".." not in PurePosixPath(value).parts
        assert not DANGEROUS.search(value)
        assert ":" not in value
        assert PurePosixPath(value).is_absolute() == (check in (check_path, check_prefix))


@given(near(check_text))
def test_a_text_is_one_line(value):
    assert not accepted(check_text, value) or len(value.splitlines()) <= 1


@given(near(check_reference))
def test_an_image_reference_is_no_option(value):
    if accepted(check_reference, value):
        assert re.match(r"[a-z0-9]", value)
        assert not DANGEROUS.search(value)


@given(near(check_route))
def test_a_route_is_a_host_and_a_path_and_nothing_else(value):
    if accepted(check_route, value):
        instance = Instance(recipe="wordpress", route=value)
        assert accepted(check_host, instance.host)
        assert accepted(check_prefix, instance.path)
        assert value == f"https://{instance.host}{instance.path}"


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, values in GOOD.items() for value in values])
def test_what_is_accepted_comes_back_unchanged(check, value):
    assert check(value) == value


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, values in BAD.items() for value in values])
def test_what_does_not_fit_is_refused(check, value):
    with pytest.raises(ValueError, match=r"\w"):
        check(value)


def test_every_rule_has_a_test_here():
    rules = {getattr(names, name) for name in dir(names) if name.startswith("check_")}
    assert rules <= GOOD.keys()
    assert rules <= BAD.keys()


@pytest.mark.parametrize("other", ["blog-root"])
def test_no_name_is_the_host_user_of_another_instance(other):
    """The host users of `blog` are chainsaw-blog and chainsaw-blog-root."""
    assert not accepted(check_instance, other)


def test_no_name_is_a_log_format_of_nginx():
    assert not accepted(check_instance, "combined")


@pytest.mark.parametrize(("size", "count"), [("1", 1), ("2K", 2048), ("64M", 67108864), ("1G", 1073741824)])
def test_a_size_in_bytes(size, count):
    assert size_in_bytes(size) == count


@pytest.mark.parametrize(("span", "seconds"), [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400)])
def test_a_span_in_seconds(span, seconds):
    assert span_in_seconds(span) == seconds
