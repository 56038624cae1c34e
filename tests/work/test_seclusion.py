"""The program that keeps this host away from an image build: what is refused there, and what it says when it cannot."""

from __future__ import annotations

import os
import subprocess

import pytest

from chainsaw.host.podman import seclusion

TRIE = """Main:
        |-- 10.213.10.2
           /32 host LOCAL
        |-- 127.0.0.0
           /8 host LOCAL
Local:
        |-- 10.213.10.255
           /32 link BROADCAST
        |-- 192.0.2.0
           /24 host LOCAL
        |-- 192.0.2.7
           /32 host LOCAL
"""
ZERO = "0" * 32
ROUTES6 = f"""\
20010db8000000000000000000000007 80 {ZERO} 00 {ZERO} 00000000 00000004 00000000 80200001     eth0
20010db8000000000000000000000000 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001     eth0
20010db8000100000000000000000000 30 {ZERO} 00 {ZERO} 00000000 00000002 00000000 80200001       lo
"""


def test_every_address_of_the_host_is_refused_and_those_of_the_link_are():
    text = seclusion.rules(TRIE, ROUTES6)
    assert "ip daddr { 10.213.10.2/32, 127.0.0.0/8, 169.254.0.0/16, 192.0.2.0/24 } reject" in text
    assert "ip6 daddr { ::1/128, 2001:db8::7/128, 2001:db8:1::/48, fe80::/10 } reject" in text


def test_a_host_without_ipv6_has_rules_all_the_same():
    assert "ip6 daddr { ::1/128, fe80::/10 } reject" in seclusion.rules(TRIE, "")


def test_a_name_server_on_the_loopback_is_asked_through_pasta():
    text = "# local\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.53\noptions edns0\nsearch example.org\n"
    kept = "# local\nnameserver 192.0.2.53\noptions edns0\nsearch example.org\n"
    assert seclusion.resolver(text) == f"nameserver 169.254.1.1\n{kept}"


@pytest.mark.parametrize(
    ("value", "ports"),
    [
        ("http://127.0.0.1:3128", ["3128"]),
        ("localhost:3128/", ["3128"]),
        ("http://[::1]:8080", ["8080"]),
        ("http://kim:secret@127.0.0.1:3128", ["3128"]),
        ("http://proxy.example.org:3128", []),
        ("http://192.0.2.7:3128", []),
        ("http://127.0.0.1", []),
        ("http://127.0.0.1:none", []),
        ("", []),
    ],
)
def test_of_the_loopback_there_is_the_proxy_alone_that_the_admin_has(value, ports):
    assert seclusion.proxy_ports({"https_proxy": value}) == ports
    assert seclusion.proxy_ports({"HTTP_PROXY": value}) == ports
    assert seclusion.proxy_ports({"MY_PROXY": value}) == []


def test_a_missing_program_is_named_with_its_package(monkeypatch, capsys):
    for program, package in (("pasta", "passt"), ("/usr/sbin/nft", "nftables")):

        def missing(*_arguments, name=program):
            raise FileNotFoundError(2, "No such file or directory", name)

        monkeypatch.setattr(seclusion, "seclude", missing)
        assert seclusion.main(["/var/tmp/x", "/home/admin", "--", "true"]) == 1
        assert capsys.readouterr().err == f"{program} is not installed: sudo apt install {package}\n"


def test_what_fails_before_the_program_is_named(monkeypatch, capsys):
    def failing(*_arguments):
        subprocess.run(["false"], check=True)

    monkeypatch.setattr(seclusion, "seclude", failing)
    assert seclusion.main(["/var/tmp/x", "/home/admin", "--", "true"]) == 1
    assert capsys.readouterr().err == "false ended with 1\n"


def test_without_rules_the_program_does_not_start(tmp_path):
    (is_there, there), (allowed, allow) = os.pipe(), os.pipe()
    os.close(allow)
    with pytest.raises(SystemExit):
        seclusion.enter(there, allowed, str(tmp_path), str(tmp_path), ["--", "touch", str(tmp_path / "started")])
    assert os.read(is_there, 1) == b"1"
    assert list(tmp_path.iterdir()) == []
