"""Instances that share a host name are named, since a browser does not keep them apart."""

from __future__ import annotations

from chainsaw.plan.origins import shared_origins

HOSTS = {"blog": ["example.org"], "wiki": ["example.org", "wiki.example.org"], "club": ["club.example.org"]}


def test_those_that_share_an_origin_are_named():
    (note,) = shared_origins(HOSTS)
    assert note.code == "shared-origin"
    assert note.severity == "note"
    assert note.message.startswith("blog, wiki share the origin https://example.org: ")


def test_only_what_one_of_some_instances_shares_is_named():
    assert len(shared_origins(HOSTS, ["wiki"])) == 1
    assert shared_origins(HOSTS, ["club"]) == ()
    assert shared_origins(HOSTS, []) == ()
