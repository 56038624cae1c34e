"""The access log: what nginx writes by the format of the front is read again, and nothing else passes for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.model.visit import read_left_out, read_line, unescaped

GOLDEN = Path(__file__).parents[1] / "golden/wordpress/expected/nginx"
FORMATS = dict(re.findall(r"^log_format (\S+) '(.*)';$", (GOLDEN / "formats.conf").read_text(), re.MULTILINE))
CONF = (GOLDEN / "nginx.conf").read_text()
ATOMIC = 4096
"""Bytes that are written to a pipe at once, however many write (pipe(7), PIPE_BUF)."""
VARIABLE = re.compile(r"\$([a-z_]+)")
EARLIER = 'blog 192.0.2.7 - "GET /walks/?page=2 HTTP/2.0" 200 5120 1.204 "https://search.example/?q=sea" "Mozilla/5.0"'


def escaped(sent):
    """Return bytes as nginx writes them (ngx_http_log_escape)."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}" for byte in sent)


def written(name, **values):
    return VARIABLE.sub(lambda found: values[found[1]], FORMATS[name])


def part(variable):
    """Return how many bytes of a visitor's text a line has at most, by the map for it."""
    block = re.search(rf"map \S+ \${variable} {{\n.*?\n    }}", CONF, re.DOTALL)
    assert block, variable
    found = re.findall(r"\{1,([0-9]+)\}", block[0])
    assert found, variable
    return max(map(int, found))


SENT = st.binary(min_size=1, max_size=60)
LINES = st.fixed_dictionaries(
    {
        "client": st.ip_addresses().map(str),
        "login": SENT.map(escaped),
        "asked": SENT.map(escaped),
        "status": st.integers(100, 599).map(str),
        "body_bytes_sent": st.integers(0, 2**63).map(str),
        "request_time": st.integers(0, 10**9).map(lambda value: f"{value // 1000}.{value % 1000:03}"),
        "came_from": SENT.map(escaped),
        "agent": SENT.map(escaped),
        "server_name": st.just("blog.example.org"),
        "answered_in": st.sampled_from(["-", "0.012", "300.000"]),
        "upstream_cache_status": st.sampled_from(["-", "HIT", "REVALIDATED"]),
        "request_id": st.integers(0, 2**128 - 1).map(lambda value: f"{value:032x}"),
    }
)

FIELDS = {
    "address": "client",
    "login": "login",
    "request": "asked",
    "status": "status",
    "size": "body_bytes_sent",
    "referrer": "came_from",
    "agent": "agent",
    "host": "server_name",
    "upstream": "answered_in",
    "cache": "upstream_cache_status",
    "id": "request_id",
}


@given(LINES)
def test_what_is_written_is_read_again(values):
    visit = read_line(written("blog", **values))
    assert visit is not None
    assert visit.site == "blog"
    assert f"{visit.seconds}.{visit.thousandths}" == values["request_time"]
    for field, variable in FIELDS.items():
        assert getattr(visit, field) == values[variable], field
    assert visit.milliseconds == int(values["request_time"].replace(".", ""))


@given(SENT)
def test_what_a_visitor_sent_is_known_again(sent):
    assert unescaped(escaped(sent)) == sent.decode(errors="replace")


@given(
    st.text(max_size=200) | st.text(alphabet='" -=0123456789.abchost\\x', max_size=80).map(lambda text: f"blog {text}")
)
def test_any_other_line_is_none(text):
    assert read_line(text) is None
    assert read_left_out(text) is None


def test_a_line_of_an_earlier_version_is_read():
    visit = read_line(EARLIER)
    assert (visit.address, visit.path, visit.milliseconds, visit.agent) == ("192.0.2.7", "/walks/", 1204, "Mozilla/5.0")
    assert (visit.host, visit.upstream, visit.cache, visit.id) == (None, None, None, None)


def test_a_line_of_a_later_version_is_read():
    visit = read_line(f"{EARLIER} host=blog.example.org upstream=0.002 cache=HIT id=0 country=AT protocol=")
    assert (visit.host, visit.cache, visit.id) == ("blog.example.org", "HIT", "0")


@pytest.mark.parametrize(
    ("request_line", "path"),
    [
        ("GET / HTTP/1.1", "/"),
        ("GET /wp-login.php?token=secret HTTP/2.0", "/wp-login.php"),
        ("GET /cut-off-as-it-is-lo", "/cut-off-as-it-is-lo"),
        ("-", "-"),
        ("\\x16\\x03\\x01", "\\x16\\x03\\x01"),
    ],
)
def test_the_path_is_without_its_query(request_line, path):
    assert read_line(EARLIER.replace("GET /walks/?page=2 HTTP/2.0", request_line)).path == path


def test_a_line_is_one_line_whatever_a_visitor_sends():
    """More than a pipe takes at once would go on in a line that begins with what the visitor chose."""
    longest = {
        "client": len("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        "status": 3,
        "body_bytes_sent": len(str(2**64)),
        "request_time": len(str(2**64)) + 4,
        "server_name": 253,
        "answered_in": part("answered_in"),
        "upstream_cache_status": len("REVALIDATED"),
        "request_id": 32,
    }
    longest |= {name: 4 * part(name) for name in ("login", "asked", "came_from", "agent")}
    assert set(VARIABLE.findall(FORMATS["blog"])) == set(longest)
    line = written("blog", **{name: "x" * size for name, size in longest.items()}).replace("blog", "b" * 41, 1)
    assert 4000 < len(f"{line}\n") <= ATOMIC


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("blog 12 lines were left out in 30 seconds: too many", ("blog", 12)),
        ("12 lines were left out in 30 seconds: too many", ("", 12)),
        ('blog 192.0.2.1 - "GET /12 lines were left out in 30 seconds: too many', None),
        ("blog 12 lines were left out in 30 seconds: too many more", None),
    ],
)
def test_what_was_left_out_is_counted(text, found):
    assert read_left_out(text) == found
    assert read_line(text) is None
