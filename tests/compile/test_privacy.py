"""With privacy: truncate the address of a visitor is in no log, and no application is told it."""

from __future__ import annotations

import ipaddress
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/published/expected"
CONF = (GOLDEN / "nginx/nginx.conf").read_text()
RULES = re.findall(r'"~(\S+)" \$([a-z0-9_]+)(\S*);', CONF[CONF.index("$client {") :].partition("}\n")[0])
FRONT = (ROOT / "quadlets/images/nginx/front").read_text()
SHORTEN = FRONT[FRONT.index("shorten() {") :].partition("\n}\n")[0] + "\n}\nshorten 2>&1\n"
ADDRESSES = (
    st.ip_addresses(v=4)
    | st.ip_addresses(v=6)
    | st.ip_addresses(v=6, network="2000::/3")
    | st.lists(st.sampled_from([0, 0, 1, 0xDB8]), min_size=8, max_size=8).map(
        lambda groups: ipaddress.IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
    )
)


def by_nginx(address):
    """Return what the map of the front makes of an address, which nginx writes as Python does (RFC 5952)."""
    for pattern, group, rest in RULES:
        found = re.search(pattern.replace("(?<", "(?P<"), address)
        if found:
            return found[group] + rest
    return "::"


def network(address):
    return ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)


def test_the_rules_are_those_of_the_site():
    assert len(RULES) == 4
    assert "$client" in CONF
    assert "Environment=PRIVACY=truncate" in (GOLDEN / "quadlets/chainsaw-front.container").read_text()


@given(ADDRESSES)
def test_all_of_a_network_are_the_same_and_nothing_else_is_told(address):
    shown = ipaddress.ip_address(by_nginx(str(address)))
    first = network(address).network_address
    # What begins with zeros is in no use; less is told of it.
    assert shown == first or (shown == ipaddress.ip_address("::") and str(address).startswith("::"))


@given(ADDRESSES)
def test_a_network_is_written_in_one_way(address):
    # Addresses that begin with zeros are in no use.
    assume(address.version == 4 or int(address) >> 112)
    assert by_nginx(str(address)) == by_nginx(str(network(address).network_address))


@settings(max_examples=25)
@given(st.lists(ADDRESSES, min_size=1, max_size=40))
def test_the_errors_of_nginx_tell_the_same(addresses):
    line = (
        '2026/11/30 10:00:00 [error] 7#7: *1 refused, client: {}, server: blog.localhost, request: "GET / HTTP/1.1"\n'
    )
    said = "".join(map(line.format, addresses))
    found = subprocess.run(["/bin/sh", "-c", SHORTEN], input=said, stdout=subprocess.PIPE, text=True, check=True)
    assert found.stdout == "".join(line.format(by_nginx(str(address))) for address in addresses)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("client: 192.0.2.77", "client: 192.0.2.0"),
        ("client: 192.0.2.7", "client: 192.0.2.0"),
        ("client: 192.0.2.", "client: 192.0.2."),
        (
            'request: "GET /client: 192.0.2.77 ", client: 192.0.2.78',
            'request: "GET /client: 192.0.2.0 ", client: 192.0.2.0',
        ),
        ("client: 2001:db8:1:2:3:", "client: 2001:db8:1::"),
        ("using inherited sockets from 3:4:5:6;", "using inherited sockets from 3:4:5:6;"),
    ],
)
def test_what_is_cut_off_or_repeated_tells_no_more(said, shown):
    found = subprocess.run(["/bin/sh", "-c", SHORTEN], input=f"{said}\n", stdout=subprocess.PIPE, text=True, check=True)
    assert found.stdout == f"{shown}\n"


def test_no_file_of_a_site_tells_an_application_or_a_log_the_whole_address():
    for file in sorted(path for path in GOLDEN.rglob("nginx/**/*") if path.is_file() and not path.is_symlink()):
        uses = [
            line.strip()
            for line in file.read_text().splitlines()
            if re.search(r"\$((binary_)?remote_addr|(asks_|large_)?from)\b", line)
        ]
        limits = ("map $", "default $binary_remote_addr;", '"" $from$server_name;', "large $from;", "limit_")
        assert [line for line in uses if not line.startswith(limits)] == [], file
