"""A certificate that cannot be used costs its own host, and no other: on a reload, and on a cold start."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

import pytest

from .machine import DATA, Machine, wait
from .web import certificate

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

STORE = f"{DATA}/front/certificates"
SHOP = f"{STORE}/shop.localhost"
DAMAGES = {
    "missing": "rm pair.pem",
    "a directory without it": "rm -r ../shop.localhost",
    "empty": ": > pair.pem",
    "unreadable": "chmod 0 pair.pem",
    "of another owner": "chown root: pair.pem",
    "no certificate": "echo hello > pair.pem",
    "cut off": "head -c 500 pair.pem > cut; cat cut > pair.pem; rm cut",
    "a key alone": "sed -n '/PRIVATE/,/PRIVATE/p' pair.pem > key; cat key > pair.pem; rm key",
    "a chain alone": "cat certificate.pem > pair.pem",
    "a key of another": "sed -n '/PRIVATE/,/PRIVATE/p' ../blog.localhost/pair.pem > key;"
    " cat key certificate.pem > pair.pem",
    "a chain with something else in it": "sed '$d' pair.pem > cut; cat cut > pair.pem; rm cut",
    "a directory": "rm pair.pem; mkdir pair.pem",
}
EXPIRED = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=shop.localhost"
    f" -CA {DATA}/front/authority/ca.pem -CAkey {DATA}/front/authority/ca.key"
    " -addext subjectAltName=DNS:shop.localhost -not_before 20200101000000Z -not_after 20210101000000Z"
    " -keyout key -out chain 2> /dev/null; cat key chain > pair.pem; rm key chain"
)
START = "systemctl --user restart chainsaw-front.service"
RELOAD = "systemctl --user reload chainsaw-front.service"


def shown(machine: Machine, name: str) -> str:
    """Return the serial number of what is served for a name, or what a browser would say of it."""
    try:
        return certificate(machine.address, machine.authority, name)
    except ssl.SSLCertVerificationError as problem:
        return problem.verify_message


@pytest.fixture
def damaged(machine: Machine, request: pytest.FixtureRequest) -> Iterator[str]:
    """Damage what is stored for the shop; put it back afterwards."""
    # What is lost would be issued again.
    machine.admin("systemctl", "--user", "stop", "chainsaw-certificates.timer")
    machine.root("cp", "-a", SHOP, "/root/kept")
    machine.root("sh", "-c", f"cd {SHOP} && {EXPIRED if request.param == 'expired' else DAMAGES[request.param]}")
    yield request.param
    machine.root("sh", "-c", f"rm -rf {SHOP} && cp -a /root/kept {SHOP} && rm -rf /root/kept")
    machine.admin("sh", "-c", RELOAD)
    # For a moment, workers from before take connections, too.
    assert wait(lambda: all(shown(machine, "shop.localhost").startswith("-----BEGIN") for _ in range(5)), 20)


@pytest.mark.parametrize("damaged", DAMAGES, indirect=True)
def test_a_damaged_certificate_costs_its_host_alone(machine: Machine, blog: str, shop: str, damaged: str) -> None:
    before, other = shown(machine, "shop.localhost"), shown(machine, "blog.localhost")
    assert before.startswith("-----BEGIN")
    machine.admin("sh", "-c", RELOAD)
    time.sleep(1)
    assert shown(machine, "shop.localhost") == before, "it goes on with what it has"
    assert shown(machine, "blog.localhost") == other
    machine.admin("sh", "-c", START)
    machine.serves(blog, "<", 30)
    assert shown(machine, "blog.localhost") == other
    said = shown(machine, "shop.localhost")
    assert said.startswith(("self-signed", "Hostname mismatch")), said
    assert "shop.localhost" in machine.journal("CONTAINER_NAME=chainsaw-front", "--lines=30")


@pytest.mark.parametrize("damaged", ["expired"], indirect=True)
def test_one_that_has_expired_is_shown_as_it_is_and_costs_its_host_alone(
    machine: Machine, blog: str, damaged: str
) -> None:
    """A visitor then reads what is wrong, and with a wrong clock of this host nothing is lost."""
    told, other = "certificate has expired", shown(machine, "blog.localhost")
    for begin in (RELOAD, START):
        machine.admin("sh", "-c", begin)
        machine.serves(blog, "<", 30)
        # For a moment, workers from before take connections, too.
        assert wait(lambda: all(shown(machine, "shop.localhost") == told for _ in range(5)), 20), begin
        assert shown(machine, "blog.localhost") == other


def test_what_is_whole_again_is_served_after_a_reload(machine: Machine, shop: str) -> None:
    machine.root("mv", SHOP, "/root/kept")
    machine.admin("sh", "-c", START)
    assert "self-signed" in shown(machine, "shop.localhost")
    machine.root("mv", "/root/kept", SHOP)
    machine.admin("sh", "-c", RELOAD)
    # For a moment, workers from before take connections, too.
    assert wait(lambda: all(shown(machine, "shop.localhost").startswith("-----BEGIN") for _ in range(5)), 20)
    assert machine.get(shop).status == 200


def test_apply_takes_no_damage_from_it_either(machine: Machine, blog: str) -> None:
    machine.root("sh", "-c", f": > {SHOP}/pair.pem")
    try:
        machine.declare("further", "static")
        machine.chainsaw("apply")
        assert machine.get("https://further.localhost/").status == 200
    finally:
        machine.purge("further")
        machine.root("rm", "-r", f"{DATA}/front/issued/shop.localhost.json")
        machine.chainsaw("apply")
    assert machine.get("https://shop.localhost/").status == 200
