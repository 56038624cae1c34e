"""The hook that closes this host to a container: which addresses are the host's, and what is left open."""

from __future__ import annotations

import pytest
from program import program

TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.213.10.0/24 2 0 2
        |-- 10.213.10.0
           /24 link UNICAST
        |-- 10.213.10.2
           /32 host LOCAL
        |-- 10.213.10.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
Local:
        |-- 10.213.10.2
           /32 host LOCAL
        |-- 192.0.2.7
           /32 host LOCAL
"""


@pytest.fixture
def egress():
    return program("egress")


def test_the_addresses_of_the_host_are_those_of_all_its_devices(egress):
    assert egress.own_addresses(TRIE) == ["10.213.10.2", "192.0.2.7"]


def test_only_the_front_is_reached_at_them(egress):
    lines = [line.strip() for line in egress.rules(["10.0.0.2", "192.0.2.7"], ["80", "443"], []).splitlines()]
    assert "ip daddr { 10.0.0.2, 192.0.2.7 } tcp dport { 80, 443 } dnat ip to 169.254.1.2" in lines
    allowed = lines.index("ip daddr 169.254.1.2 tcp dport { 80, 443 } accept")
    assert lines.index("ip daddr { 10.0.0.2, 192.0.2.7, 169.254.1.2 } reject") > allowed


def test_and_what_the_file_of_the_instance_names(egress):
    text = egress.rules(["10.0.0.2"], ["80", "443"], ["993"])
    assert "ip daddr 169.254.1.2 tcp dport { 80, 443, 993 } accept" in text
    assert "tcp dport { 80, 443 } dnat ip to" in text


def test_a_host_without_an_address_has_rules_too(egress):
    assert "ip daddr { 0.0.0.0, 169.254.1.2 } reject" in egress.rules([], ["80", "443"], [])


@pytest.mark.parametrize(("text", "ports"), [("993 25", ["993", "25"]), ("993 ; drop", ["993"]), ("", [])])
def test_the_ports_are_those_of_the_annotation(egress, text, ports):
    assert egress.host_ports({"pid": 4711, "annotations": {"chainsaw.host-ports": text}}) == ports
    assert egress.host_ports({"pid": 4711}) == []
