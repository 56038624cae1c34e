"""Certificates of an authority that speaks ACME: pebble, with its own name server, in the machine."""

from __future__ import annotations

import json
import time

import pytest

from .machine import CONFIG, DATA, HOME, Machine, wait
from .pebble import SITE, age, away, rows, serial, start

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

FORBIDDEN = """
from chainsaw.work.certificates.reach import forbidden
for allowed in ({"pebble"}, ()):
    print(*forbidden("a.example.org", frozenset(allowed)))
"""
BLOG, WWW = "blog.example.org", "www.example.org"


@pytest.fixture(scope="module")
def authority(machine: Machine, blog: str) -> Machine:
    """Publish the blog and a static site at names of an authority, which then issues certificates."""
    start(machine)
    machine.write(f"{CONFIG}/site.yaml", SITE)
    machine.declare("www", "static", f"https://{WWW}/")
    machine.declare("blog", "wordpress", f"https://{BLOG}/")
    machine.chainsaw("apply")
    return machine


def test_an_apply_obtains_certificates_which_the_front_shows(authority: Machine) -> None:
    authority.chainsaw("cert", "renew")
    found = rows(authority)
    for host in (BLOG, WWW):
        row = found[host]
        assert (row["state"], row["issuer"], row["names"]) == ("ok", "acme", [host])
        assert row["why"] == "the authority suggests a window, and this moment in it was chosen at random"
        assert "Pebble Intermediate" in serial(authority, host)
        assert str(row["serial"]).upper() in serial(authority, host).replace("serial=0", "serial=")
        assert authority.root("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"https://{host}/") == "200"
    assert found["shop.localhost"]["issuer"] == "local", "no authority can issue for it"
    assert authority.plan() == []


def test_what_is_not_due_is_left_alone(authority: Machine) -> None:
    before = {host: serial(authority, host) for host in (BLOG, WWW)}
    assert authority.chainsaw("cert", "renew").out == "nothing is due\n"
    authority.admin("systemctl", "--user", "start", "chainsaw-certificates.service")
    assert {host: serial(authority, host) for host in (BLOG, WWW)} == before
    assert authority.chainsaw("cert", "renew", "--changes").out == ""


def test_one_is_renewed_and_no_other_and_no_request_is_lost(authority: Machine) -> None:
    before = {host: serial(authority, host) for host in (BLOG, WWW)}
    script = f"while :; do curl -sko /dev/null -w '%{{http_code}}\\n' https://{WWW}/; done"
    asking = authority.begin("timeout", "60", "sh", "-c", script)
    assert f"{WWW}: renewed, valid until 20" in authority.chainsaw("cert", "renew", WWW, "--force").out
    asking.terminate()
    answers = (asking.communicate()[0] or "").split()
    assert len(answers) > 5
    assert set(answers) == {"200"}
    assert serial(authority, WWW) != before[WWW]
    assert serial(authority, BLOG) == before[BLOG]
    place = f"{DATA}/front/certificates/{WWW}"
    assert not authority.exists(f"{place}/former.pem")
    assert not authority.exists(f"{DATA}/front/acme/orders/{WWW}.json")


def test_the_keys_are_for_the_front_and_the_admin_alone(authority: Machine) -> None:
    listed = authority.root("find", f"{DATA}/front/acme", "-type", "f", "-printf", "%m %u %P\n").splitlines()
    assert listed
    assert all(line.startswith("600 admin ") for line in listed)
    assert authority.root("stat", "-c", "%a", f"{DATA}/front/certificates/{WWW}/pair.pem") == "400\n"


def test_while_the_authority_is_lost_the_sites_go_on_and_it_is_said(authority: Machine) -> None:
    before = serial(authority, BLOG)
    with away(authority):
        done = authority.chainsaw("cert", "renew", BLOG, "--force", code=3)
        assert f"warning: {BLOG}: https://localhost:14000/dir issues no certificate: " in done.err
        assert "it is asked again at 20" in done.err
        row = rows(authority)[BLOG]
        assert row["state"] == "ok"
        assert row["failed"]
        # Nobody is asked again before its time.
        renewed = authority.chainsaw("cert", "renew", BLOG).out
        assert renewed.startswith(f"nothing is due\n{BLOG}: not issued when it was asked for last: ")
        assert f"at once: chainsaw cert renew {BLOG} --force\n" in renewed
        assert authority.plan() == []
    assert serial(authority, BLOG) == before
    assert f"{BLOG}: renewed" in authority.chainsaw("cert", "renew", BLOG, "--force").out
    assert rows(authority)[BLOG]["failed"] is None


def test_a_new_name_is_up_with_a_placeholder_until_the_authority_is_back(authority: Machine) -> None:
    authority.declare("further", "static", "https://further.example.org/")
    try:
        with away(authority):
            done = authority.chainsaw("apply")
            assert "warning: further.example.org: " in done.err
            assert "CN=placeholder" in serial(authority, "further.example.org")
            assert rows(authority)["further.example.org"]["found"] == (
                "there is none yet; browsers are shown a placeholder, and warn"
            )
            assert authority.chainsaw("cert", "list", code=None).code == 3
            warned = "error: further: certificate of further.example.org: there is none of the issuer acme yet"
            assert warned in authority.chainsaw("list", code=3).err
            assert "a placeholder, and warn" in authority.chainsaw("status", "further", code=3).out
            # The cold start needs no authority either.
            authority.admin("systemctl", "--user", "restart", "chainsaw-front.service")
            assert wait(lambda: "Pebble" in serial(authority, WWW), 20)
        authority.chainsaw("cert", "renew", "--force", "further.example.org")
        assert "Pebble" in serial(authority, "further.example.org")
    finally:
        authority.purge("further")


def test_a_name_that_the_authority_refuses_is_reported_with_its_words(authority: Machine) -> None:
    authority.declare("further", "static", "https://blocked.example.org/")
    try:
        done = authority.chainsaw("apply")
        assert "warning: blocked.example.org: https://localhost:14000/dir issues no certificate: " in done.err
        assert "polic" in done.err.lower()
    finally:
        authority.purge("further")


def test_records_that_lead_elsewhere_are_named(authority: Machine) -> None:
    def tell(what: str, **words: object) -> None:
        authority.root("curl", "-fsS", "-d", json.dumps(words), f"http://127.0.0.1:8055/{what}")

    authority.declare("further", "static", "https://nowhere.example.org/")
    tell("set-default-ipv4", ip="")
    try:
        done = authority.chainsaw("apply")
        assert "nowhere.example.org: it has no address in the DNS, neither A nor AAAA" in done.err
    finally:
        tell("set-default-ipv4", ip="127.0.0.1")
    authority.declare("further", "static", "https://astray.example.org/")
    tell("add-aaaa", host="astray.example.org", addresses=["2001:db8::1"])
    try:
        done = authority.chainsaw("apply")
        assert "astray.example.org: its record AAAA 2001:db8::1 does not answer on port 80 from here" in done.err
        tell("add-caa", host="example.org", policies=[{"tag": "issue", "value": "another.example"}])
        said = authority.admin("/usr/bin/python3", "-c", FORBIDDEN)
        assert 'the record example.org CAA 0 issue "another.example" forbids it; allow: pebble' in said
        assert "forbids it unless that is the name of the authority" in said
    finally:
        tell("clear-aaaa", host="astray.example.org")
        tell("clear-caa", host="example.org")
        authority.purge("further")


def test_a_certificate_of_the_admins_own(authority: Machine) -> None:
    made = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 60 -subj /CN=own"
        f" -addext subjectAltName=DNS:own.example.org -keyout {HOME}/own.key -out {HOME}/own.pem"
    )
    authority.admin("sh", "-c", f"{made} 2> /dev/null")
    own = SITE + "  hosts:\n    own.example.org: {issuer: files}\n"
    authority.write(f"{CONFIG}/site.yaml", own)
    authority.declare("further", "static", "https://own.example.org/")
    try:
        refused = authority.chainsaw("apply", code=1)
        assert "own.example.org is to have a certificate of your own, and there is none yet" in refused.err
        wrong = authority.chainsaw(
            "cert", "import", "own.example.org", "--chain", f"{HOME}/own.pem", "--key", f"{HOME}/own.pem", code=5
        )
        assert "there is no private key in PEM form in it" in wrong.err
        taken = authority.chainsaw(
            "cert", "import", "own.example.org", "--chain", f"{HOME}/own.pem", "--key", f"{HOME}/own.key"
        )
        assert "own.example.org: valid until 20" in taken.out
        authority.chainsaw("apply")
        assert "CN=own" in serial(authority, "own.example.org").replace(" ", "")
        authority.admin("mkdir", "-m", "700", f"{HOME}/safe")
        shown = authority.chainsaw("cert", "export", "own.example.org", f"{HOME}/safe").out
        assert shown.splitlines() == [f"{HOME}/safe/own.example.org.{what}.pem" for what in ("chain", "key")]
        assert authority.read(f"{HOME}/safe/own.example.org.chain.pem") == authority.read(f"{HOME}/own.pem")
        assert authority.root("stat", "-c", "%a", f"{HOME}/safe/own.example.org.key.pem") == "600\n"
    finally:
        authority.write(f"{CONFIG}/site.yaml", SITE)
        authority.purge("further")
        authority.admin("rm", "-rf", f"{HOME}/safe", f"{HOME}/own.pem", f"{HOME}/own.key")


def test_a_renewal_that_is_killed_anywhere_is_finished_by_the_next(authority: Machine) -> None:
    steps = [line for line in authority_steps(authority) if line]
    assert len(steps) >= 6
    for number in range(1, len(steps) + 1):
        for place in (f"kill:{number}", f"kill:{number}+"):
            before = serial(authority, WWW)
            authority.chainsaw("cert", "renew", WWW, "--force", code=None, fault=place)
            assert "Pebble" in serial(authority, WWW), place
            # As after a crash: what is stored must do.
            done = authority.chainsaw("cert", "renew", WWW, code=None)
            assert done.code == 0, f"{place}: {done}"
            authority.chainsaw("apply")
            row = rows(authority)[WWW]
            assert row["state"] == "ok", f"{place}: {row}"
            assert "Pebble" in serial(authority, WWW), place
            assert before
    assert not authority.exists(f"{DATA}/front/certificates/{WWW}/former.pem")
    assert not authority.exists(f"{DATA}/front/acme/orders/{WWW}.json")


def authority_steps(machine: Machine) -> list[str]:
    """Return the steps of a renewal."""
    listed = f"{HOME}/steps"
    machine.admin("sh", "-c", f"rm -f {listed}; CHAINSAW_STEPS={listed} chainsaw cert renew {WWW} --force")
    return machine.read(listed).splitlines()


def test_what_expired_while_the_host_was_off_is_renewed_by_the_timer(authority: Machine) -> None:
    before = serial(authority, WWW)
    age(authority, WWW, 100)
    assert rows(authority)[WWW]["state"] == "fail"
    assert "expired" in authority.chainsaw("status", "www", code=3).out
    assert f"error: www: certificate of {WWW}: expired 10 d ago" in authority.chainsaw("list", code=3).err
    authority.admin("systemctl", "--user", "start", "chainsaw-certificates.service")
    assert serial(authority, WWW) != before
    assert rows(authority)[WWW]["state"] == "ok"
    said = authority.journal("--unit=chainsaw-certificates.service", "--lines=20")
    assert f"{WWW}: renewed, valid until 20" in said


def test_what_browsers_are_told_grows_with_the_renewals_that_worked(authority: Machine) -> None:
    def told(host: str) -> str:
        found = authority.root("curl", "-sSI", f"https://{host}/").lower()
        return next((line for line in found.splitlines() if line.startswith("strict-transport-security")), "")

    assert told(WWW) == "strict-transport-security: max-age=5184000", "once, after three months"
    authority.chainsaw("cert", "renew", BLOG, "--force")
    authority.chainsaw("cert", "renew", BLOG, "--force")
    assert told(BLOG) == "strict-transport-security: max-age=300", "what was renewed by force has proven nothing"
    assert "strict" not in authority.get("https://shop.localhost/").headers


HOOK = """\
dns_loop_add() { _tell set-txt "{\\"host\\": \\"$1.\\", \\"value\\": \\"$2\\"}"; }
dns_loop_rm() { _tell clear-txt "{\\"host\\": \\"$1.\\"}"; }
_tell() {
    [ "$LOOP_TOKEN" = secret-of-loop ] || { echo "the token is wrong" >&2; return 1; }
    curl -fsS -d "$2" "http://127.0.0.1:8055/$1" > /dev/null
}
"""
DNS = '{provider: /home/admin/dns_loop.sh, credentials: {secret: loop}, settle: 1s, servers: ["127.0.0.1"]}'


def test_records_of_the_domain_show_that_it_is_ours_where_port_80_cannot_be_reached(authority: Machine) -> None:
    # For this host name alone; port 80 goes on to do for the others.
    own = "{issuer: acme, " + SITE[SITE.index("acme: {") :].strip().replace("cert.pem}", "cert.pem, dns: " + DNS + "}}")
    site = f"{SITE}  hosts:\n    inside.example.org: {own}\n"
    authority.write(f"{HOME}/dns_loop.sh", HOOK)
    authority.write(f"{CONFIG}/site.yaml", site)
    authority.declare("further", "static", "https://inside.example.org/")
    try:
        missing = authority.chainsaw("apply", code=1)
        assert "the authority needs the secret loop, which is not set" in missing.err
        authority.admin("sh", "-c", "echo LOOP_TOKEN=secret-of-loop | chainsaw secret set loop")
        # Nothing answers on port 80 of the address that it has.
        said = json.dumps({"host": "inside.example.org", "addresses": ["192.0.2.1"]})
        authority.root("curl", "-fsS", "-d", said, "http://127.0.0.1:8055/add-a")
        done = authority.chainsaw("apply")
        assert "Pebble" in serial(authority, "inside.example.org"), str(done)
        journal = authority.journal("--user", "--since=-10min")
        assert "secret-of-loop" not in journal
    finally:
        authority.write(f"{CONFIG}/site.yaml", SITE)
        authority.purge("further")


def test_the_timer_waits_and_doctor_says_so(authority: Machine) -> None:
    assert "active" in authority.admin("systemctl", "--user", "is-active", "chainsaw-certificates.timer")
    checks = {row["name"]: row for row in authority.json("doctor", code=None)["data"]["checks"]}
    assert checks["renewal"]["state"] == "ok"
    assert checks[f"certificate of {WWW}"]["state"] == "ok"
    authority.admin("systemctl", "--user", "stop", "chainsaw-certificates.timer")
    checks = {row["name"]: row for row in authority.json("doctor", code=None)["data"]["checks"]}
    assert checks["renewal"]["state"] == "fail"
    authority.chainsaw("apply")
    assert "active" in authority.admin("systemctl", "--user", "is-active", "chainsaw-certificates.timer")


def test_routes_shows_all_that_is_published(authority: Machine) -> None:
    shown = authority.chainsaw("routes").out
    assert [line.split()[:5] for line in shown.splitlines() if line.startswith((BLOG, WWW))] == [
        [BLOG, "/", "blog", "-", "acme"],
        [WWW, "/", "www", "-", "acme"],
    ]
    assert time.time() < authority.json("routes")["data"]["routes"][0]["expires"]
