"""Who issues the certificate of which host name, and what is asked for."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chainsaw.model.tls import LETSENCRYPT, Tls

OWN = "https://ca.example.org/directory"
SITE = {
    "issuer": "acme",
    "acme": {
        "profile": "tlsserver",
        "fallback": {
            "directory": OWN,
            "external_account": {"key_id": "7", "key": {"secret": "eab"}},
            "profile": "default",
        },
    },
    "hosts": {
        "intranet.example.org": {"issuer": "acme", "acme": {"directory": OWN}},
        "home.example.org": {
            "issuer": "acme",
            "acme": {"dns": {"provider": "dns_hetzner", "credentials": {"secret": "hetzner"}}},
        },
        "own.example.org": {"issuer": "files"},
    },
}


def test_a_host_name_may_have_another_authority_than_the_site():
    tls = Tls.model_validate(SITE)
    assert tls.acme_of("blog.example.org").directories == (LETSENCRYPT, OWN)
    assert tls.acme_of("intranet.example.org").directories == (OWN,)
    home = tls.acme_of("home.example.org")
    assert (home.directories, home.profile, home.dns and home.dns.provider) == (
        (LETSENCRYPT, OWN),
        "tlsserver",
        "dns_hetzner",
    ), "the site's, with what is other"
    assert tls.of("own.example.org").issuer == "files"


def test_only_the_secrets_of_its_own_settings_are_needed_for_a_host_name():
    tls = Tls.model_validate(SITE)
    assert tls.acme_of("blog.example.org").secrets == ("eab",)
    assert tls.acme_of("home.example.org").secrets == ("eab", "hetzner")
    assert tls.acme_of("intranet.example.org").secrets == ()


def test_a_host_name_inside_never_reaches_a_public_authority_for_what_was_left_out():
    site = {"issuer": "acme", "acme": {"directory": OWN, "trust": "/root.pem"}}
    tls = Tls.model_validate({**site, "hosts": {"inside.example.org": {"issuer": "acme", "acme": {"profile": "x"}}}})
    inside = tls.acme_of("inside.example.org")
    assert (inside.directory, inside.trust, inside.profile) == (OWN, "/root.pem", "x")


def test_the_fallback_of_a_host_name_is_compared_with_the_directory_that_it_has():
    def site(fallback: str):
        own = {"issuer": "acme", "acme": {"fallback": fallback}}
        return Tls.model_validate({"acme": {"directory": OWN}, "hosts": {"a.example.org": own}})

    assert site(LETSENCRYPT).acme_of("a.example.org").directories == (OWN, LETSENCRYPT)
    with pytest.raises(ValidationError, match="the fallback is another directory than the first"):
        site(OWN)


def test_a_fallback_has_an_account_and_a_profile_of_its_own_or_is_just_a_directory():
    other = Tls.model_validate(SITE).acme.other
    assert other and other.external_account
    assert (other.external_account.key_id, other.profile) == ("7", "default")
    short = Tls.model_validate({"acme": {"fallback": OWN}}).acme.other
    assert short and (short.directory, short.external_account, short.profile) == (OWN, None, None)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"acme": {"fallback": LETSENCRYPT}}, "the fallback is another directory than the first"),
        ({"acme": {"fallback": {"directory": LETSENCRYPT}}}, "the fallback is another directory than the first"),
        ({"hosts": {"a.example.org": {"issuer": "local", "acme": {}}}}, "acme belongs to issuer: acme, not to local"),
        ({"hosts": {"a.example.org": {"issuer": "files", "key": "/k.pem"}}}, "chain and key belong together"),
        (
            {"hosts": {"a.example.org": {"issuer": "acme", "key": "/k.pem", "chain": "/c.pem"}}},
            "chain and key belong to issuer: files, not to acme",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(written, said):
    with pytest.raises(ValidationError, match=said):
        Tls.model_validate(written)
