"""An authority that speaks ACME: Debian's pebble with its own name server, in the machine, and certificates of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from .machine import DATA, Machine

AUTHORITY = """\
set -e
mkdir -p /srv/pebble
cd /srv/pebble
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2> /dev/null
cat > pebble.json
echo nameserver 127.0.0.1 > /etc/resolv.conf
systemd-run --quiet --unit=names pebble-challtestsrv -dns01 127.0.0.1:53 -management 127.0.0.1:8055 \
    -http01 '' -https01 '' -tlsalpn01 '' -doh '' -defaultIPv4 127.0.0.1 -defaultIPv6 ''
systemd-run --quiet --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=50 \
    --setenv=PEBBLE_AUTHZREUSE=0 pebble -config /srv/pebble/pebble.json -dnsserver 127.0.0.1:53
for try in $(seq 50); do curl -fsSk https://localhost:14000/dir > /dev/null 2>&1 && break; sleep 0.2; done
curl -fsSk https://localhost:15000/roots/0 > /usr/local/share/ca-certificates/pebble.crt
update-ca-certificates > /dev/null 2>&1
"""
PEBBLE = {
    "listenAddress": "127.0.0.1:14000",
    "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/srv/pebble/cert.pem",
    "privateKey": "/srv/pebble/key.pem",
    "httpPort": 80,
    "tlsPort": 443,
    "ocspResponderURL": "",
    "externalAccountBindingRequired": False,
    "domainBlocklist": ["blocked.example.org"],
    "retryAfter": {"authz": 1, "order": 1},
    "certificateValidityPeriod": 90 * 86400,
}
SITE = """\
admin: {email: admin@example.org}
tls:
  issuer: acme
  acme: {directory: "https://localhost:14000/dir", trust: /srv/pebble/cert.pem}
"""
AWAY = "table inet away { chain out { type filter hook output priority 0; tcp dport 14000 reject with tcp reset; }; }"
AGO = """
import json, sys
ago = float(sys.argv[1]) * 86400
for path in sys.argv[2:]:
    content = json.load(open(path))
    for part in (content, content.get("issued") or {}, *content.get("failures", ())):
        for key in ("not_before", "not_after", "at", "told", "ask_again", "attempted", "wait_until"):
            if isinstance(part.get(key), float):
                part[key] -= ago
    content.pop("window", None)
    json.dump(content, open(path, "w"))
"""


def start(machine: Machine) -> None:
    """Start the authority; all names lead to the machine, whose programs trust what is issued."""
    machine.root("sh", "-c", AUTHORITY, stdin=json.dumps({"pebble": PEBBLE}))


def age(machine: Machine, host: str, days: float) -> None:
    """Let a certificate be so many days older, as its records say: the machine itself cannot wait for so long."""
    records = [f"{DATA}/front/{kind}/{host}.json" for kind in ("issued", "acme/hosts")]
    machine.admin("python3", "-c", AGO, str(days), *records)


def rows(machine: Machine) -> dict[str, dict[str, object]]:
    """Return the rows of cert list by host name."""
    return {row["host"]: row for row in machine.json("cert", "list", code=None)["data"]["certificates"]}


def serial(machine: Machine, host: str) -> str:
    """Return the serial number of what is shown for a host, in hexadecimal."""
    script = (
        "openssl s_client -connect 127.0.0.1:443 -servername $0 < /dev/null 2> /dev/null"
        " | openssl x509 -noout -serial -issuer"
    )
    return machine.admin("sh", "-c", script, host)


@contextmanager
def away(machine: Machine) -> Iterator[None]:
    """Let nobody reach the authority."""
    machine.root("nft", "-f", "-", stdin=AWAY)
    try:
        yield
    finally:
        machine.root("nft", "delete", "table", "inet", "away")
