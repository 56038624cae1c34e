"""Certificates of this host's own authority are renewed, and shown, with what goes wrong on the way."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake import replaces

from chainsaw.errors import Diagnostic
from chainsaw.host import certificates, files
from chainsaw.host.issued import settled_hosts
from chainsaw.host.podman import Podman
from chainsaw.host.stored import stored_chain
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import Certificate, HostIssuer
from chainsaw.model.deployment import Deployment, Manifest, ProbeRequest
from chainsaw.model.route import Route
from chainsaw.work.certificates import renew, serve
from chainsaw.work.certificates.problems import new_problems, read_problems
from chainsaw.work.certificates.renew import Renewal
from chainsaw.work.result import Quiet

BLOG, WWW = "blog.example.org", "www.example.org"
YEAR = 365 * 86400


@replaces(UserManager)
class Manager:
    """A user manager whose front runs."""

    def states(self, patterns):
        return dict.fromkeys(patterns, "active")

    def reload_unit(self, name, timeout, serving):
        pass


@replaces(Podman)
@dataclass
class Writing:
    """A Podman that writes what it should place, or fails."""

    broken: bool = False

    def place(self, items):
        if self.broken:
            raise OSError("no space left on the device")
        for item in items:
            files.write_atomic(item.path, item.content, item.mode)


@dataclass
class Front:
    """A front that shows what is in pair.pem after a reload, or refuses to."""

    paths: Any
    refuses: set = field(default_factory=set)

    def shows(self, account, record, patience=0.0):
        pair = Path(f"{self.paths.certificates}/{record.host}/pair.pem")
        if not pair.exists() or record.host in self.refuses:
            return False
        return certificates.record_of(pair.read_bytes(), record.host, "local").serial == record.serial


def deployment(name, host):
    probe = ProbeRequest(path="/", status=200)
    return Deployment(
        name=name, recipe="static", version="1", block=None, routes=(Route(host=host, path="/"),), probe=probe
    )


@pytest.fixture
def site(admin, monkeypatch):
    """Return what makes a renewal at a time, with its front and its Podman."""
    front, podman = Front(admin.paths), Writing()
    every = {"blog": deployment("blog", BLOG), "www": deployment("www", WWW)}
    manifest = Manifest(number=1, front=replace_block(deployment("front", "front")), instances=every)
    account: Any = SimpleNamespace(
        paths=admin.paths, steps=admin.account.steps, podman=podman, current=lambda: manifest, name="admin"
    )
    for module in (renew, serve):
        monkeypatch.setattr(module, "is_shown", front.shows)

    manager: Any = Manager()

    def run(at=0.0, force=False, hosts=()):
        return Renewal(account, manager, Quiet(), force, now=lambda: time.time() + at).run(hosts)

    return SimpleNamespace(run=run, front=front, podman=podman, paths=admin.paths)


def replace_block(item):
    return item.model_copy(update={"block": 524288})


def record(site, host=BLOG) -> Certificate:
    found = certificates.read_record(site.paths.issued(host))
    assert found is not None
    return found


def names(site, host=BLOG):
    return sorted(path.name for path in Path(f"{site.paths.certificates}/{host}").iterdir())


def test_what_is_missing_is_issued_and_what_is_fresh_is_left_alone(site):
    done = site.run()
    assert (sorted(done.shown), done.failed) == ([BLOG, WWW], {})
    before = record(site).serial
    assert site.run().shown == {}
    assert record(site).serial == before
    assert names(site) == ["certificate.pem", "pair.pem"]
    done = site.run(YEAR)
    assert sorted(done.shown) == [BLOG, WWW]
    assert record(site).serial != before
    assert names(site) == ["certificate.pem", "pair.pem"]


def test_one_that_the_front_does_not_show_is_put_back_and_tried_again(site):
    site.run()
    before, chain = record(site).serial, stored_chain(site.paths, BLOG)
    site.front.refuses.add(BLOG)
    done = site.run(force=True)
    assert (list(done.shown), list(done.failed)) == ([WWW], [BLOG])
    assert done.problems[0].code == "not-shown"
    assert (record(site).serial, stored_chain(site.paths, BLOG)) == (before, chain)
    assert names(site) == ["certificate.pem", "pair.pem"]
    site.front.refuses.clear()
    done = site.run(force=True)
    assert (sorted(done.shown), done.failed) == ([BLOG, WWW], {})
    assert record(site).serial != before


def test_what_a_run_that_was_killed_had_placed_is_taken(site):
    site.run()
    before = record(site)
    site.run(force=True, hosts=[BLOG])
    placed = record(site)
    # As if the run had been killed before it recorded that.
    certificates.write_record(site.paths.issued(BLOG), before)
    files.write_atomic(f"{site.paths.certificates}/{BLOG}/former.pem", b"the former pair")
    done = site.run()
    assert (done.shown, done.failed) == ({}, {})
    assert record(site).serial == placed.serial
    assert names(site) == ["certificate.pem", "pair.pem"]


def test_what_is_wrong_with_the_authority_of_this_host_is_no_obstacle_for_what_is_stored(site):
    site.run()
    before = record(site).serial
    Path(f"{site.paths.authority}/ca.key").write_text("")
    done = site.run(force=True)
    assert sorted(done.failed) == [BLOG, WWW]
    assert all(item.severity == "warning" for item in done.problems)
    assert record(site).serial == before
    assert site.run().failed == {}


def failure(text):
    return {BLOG: [Diagnostic("no-certificate", text, severity="warning")]}


def test_a_problem_is_told_once_while_it_lasts(site):
    """Its tokens and times are others at each attempt."""
    asked = "%s: http://blog.example.org/.well-known/acme-challenge/%s gave 404, again at 2027-01-%s 10:00:00"
    told = [
        failure(asked % (BLOG, "A" * 43, "01")),
        failure(asked % (BLOG, "B" * 43, "02")),
        failure(f"{BLOG}: nobody answers"),
        failure(f"{BLOG}: nobody answers"),
        {},
        failure(f"{BLOG}: nobody answers"),
    ]
    assert [len(new_problems(site.paths, found, {BLOG})) for found in told] == [1, 0, 1, 0, 0, 1]
    assert read_problems(site.paths) == {BLOG: [f"{BLOG}: nobody answers"]}
    site.run(hosts=[WWW])
    assert read_problems(site.paths) != {}
    site.run(hosts=[BLOG])
    assert read_problems(site.paths) == {}
    for text in ("", "[]", '{"problems": 5}', "{"):
        Path(f"{site.paths.front}/problems.json").write_text(text)
        assert read_problems(site.paths) == {}


def test_another_authority_of_this_host_signs_all_there_is(site):
    site.run()
    shutil.rmtree(site.paths.authority)
    assert sorted(site.run().shown) == [BLOG, WWW]
    assert certificates.is_of(site.paths.authority, stored_chain(site.paths, BLOG))
    assert site.run().shown == {}


def test_a_chain_that_cannot_be_read_is_no_obstacle(site):
    site.run()
    Path(f"{site.paths.certificates}/{BLOG}/certificate.pem").write_bytes(b"\xff\xfe")
    done = site.run(force=True, hosts=[BLOG])
    assert (list(done.shown), done.failed) == ([BLOG], {})


def test_the_pair_of_an_earlier_version_stays_until_the_new_one_is_seen(site):
    place = Path(f"{site.paths.certificates}/{BLOG}")
    place.mkdir(parents=True)
    for name in ("key.pem", "chain.pem"):
        (place / name).write_text("of an earlier version")
    site.front.refuses.add(BLOG)
    site.run()
    assert (place / "key.pem").read_text() == (place / "chain.pem").read_text() == "of an earlier version"
    site.front.refuses.clear()
    site.run()
    assert names(site) == ["certificate.pem", "pair.pem"]


def test_browsers_are_told_nothing_any_more_by_another_issuer(site):
    site.run()
    place = Path(f"{site.paths.certificates}/{BLOG}/hsts")
    authority = record(site).model_copy(update={"issuer": "acme", "source": "https://acme.example/dir"})
    serve.tell_browsers(site.paths, authority)
    assert place.read_text() == "300\n"
    serve.tell_browsers(site.paths, record(site))
    assert not place.exists()


@pytest.mark.parametrize(
    ("directories", "settled"),
    [((), True), (("https://acme.example/dir",), True), (("https://other.example/dir",), False)],
)
def test_an_apply_asks_another_authority_at_once(site, directories, settled):
    site.run()
    authority = record(site).model_copy(update={"issuer": "acme", "source": "https://acme.example/dir"})
    certificates.write_record(site.paths.issued(BLOG), authority)
    issuer = HostIssuer(issuer="acme", directories=directories)
    wanted = Manifest(number=2, instances={"blog": deployment("blog", BLOG)}, issuers={BLOG: issuer})
    assert settled_hosts(site.paths, wanted, time.time()) == (frozenset({BLOG}) if settled else frozenset())


def test_renewals_count_only_when_some_time_has_passed(site):
    """So that what browsers are told does not grow by force."""
    site.run()
    authority = record(site).model_copy(update={"issuer": "acme", "source": "https://acme.example/dir"})
    assert (authority.hsts, authority.model_copy(update={"renewals": 1}).hsts) == (300, 60 * 86400)
    assert authority.model_copy(update={"renewals": 9}).hsts == 180 * 86400
    assert record(site).hsts == 0
    certificates.write_record(site.paths.issued(BLOG), authority)
    soon = authority.model_copy(update={"serial": "ab", "not_before": authority.not_before + 3600})
    later = authority.model_copy(update={"serial": "ab", "not_before": authority.not_before + YEAR / 2})
    other = later.model_copy(update={"source": "https://other.example/dir"})
    assert [serve._counted(site.paths, one).renewals for one in (soon, later, other)] == [0, 1, 0]
