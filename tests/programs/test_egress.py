"""The hook that closes this host to a container: which addresses are the host's, and what is left open."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass

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
    assert egress.own_addresses(TRIE) == ["10.213.10.2/32", "192.0.2.7/32"]


def test_a_range_that_is_local_is_the_hosts_too(egress):
    text = TRIE + "        |-- 192.0.2.0\n           /24 host LOCAL\n"
    assert egress.own_addresses(text) == ["10.213.10.2/32", "192.0.2.0/24"], "what overlaps is one"


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
    assert egress.host_ports(text) == ports


@pytest.fixture
def given(egress, monkeypatch, tmp_path):
    """What is given to which process, instead of giving it."""
    found = []
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(egress, "routes", lambda: TRIE)
    monkeypatch.setattr(egress, "give", lambda pid, text, *before: found.append((pid, text, before)))
    return found


def test_a_container_that_is_created_gets_its_rules(egress, given, monkeypatch):
    state = {"pid": 4711, "annotations": {"chainsaw.host-ports": "993"}}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(state)))
    egress.hook(["80", "443"])
    assert given == [(4711, egress.rules(egress.own_addresses(TRIE), ["80", "443"], ["993"]), ())]


def test_running_ones_get_new_rules_only_when_something_has_changed(egress, given, monkeypatch):
    @dataclass
    class Shown:
        stdout: str

    monkeypatch.setattr(egress.subprocess, "run", lambda *argv, **options: Shown("11 993\n12 \n"))
    egress.refresh(["80", "443"])
    assert [(pid, "993" in text) for pid, text, _ in given] == [(11, True), (12, False)]
    egress.refresh(["80", "443"])
    assert len(given) == 2
    monkeypatch.setattr(egress, "routes", lambda: TRIE.replace("192.0.2.7", "192.0.2.8"))
    egress.refresh(["80", "443"])
    assert "192.0.2.8/32" in given[-1][1]
    egress.refresh(["80", "8443"])
    assert len(given) == 6
