"""What site.yaml says of ACME authorities, as the client takes it."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.acme.account import Authority
from chainsaw.host.acme.attempt import Setup
from chainsaw.host.acme.challenge import Challenger, HttpChallenger
from chainsaw.host.acme.dns import DnsChallenger, DnsHook
from chainsaw.model.names import span_in_seconds
from chainsaw.model.paths import Paths
from chainsaw.model.secret import SecretName
from chainsaw.model.site import Site
from chainsaw.work.result import Reporter


def setup_of(paths: Paths, site: Site) -> Setup:
    """Return the authorities of a site; raise ChainsawError for a secret that is not set."""
    acme = site.tls.acme
    contact = acme.contact or (site.admin.email if site.admin else "")
    bound = acme.external_account
    key = _secret(paths, bound.key).strip() if bound else ""
    primary = Authority(acme.directory, acme.trust or "", contact, bound.key_id if bound else "", key)
    other = Authority(acme.fallback, acme.trust or "", contact) if acme.fallback else None
    return Setup(paths.accounts, primary, other)


def challengers_of(paths: Paths, site: Site, report: Reporter) -> tuple[Challenger, ...]:
    """Return how this host shows that it has a name; raise ChainsawError as `setup_of` does."""
    dns = site.tls.acme.dns
    if dns is None:
        return (HttpChallenger(paths.challenges),)
    if dns.credentials:
        _secret(paths, dns.credentials)
    place = paths.site_secret(dns.credentials.secret) if dns.credentials else ""
    hook = DnsHook(dns.provider, place, span_in_seconds(dns.settle), dns.servers)
    return (DnsChallenger(hook, report.doing),)


def _secret(paths: Paths, name: SecretName) -> str:
    value = files.read_text(paths.site_secret(name.secret))
    if value is None:
        message, hint = f"the secret {name.secret} is not set", f"chainsaw secret set {name.secret}"
        raise ChainsawError(Diagnostic("no-site-secret", message, "site.yaml", hint=hint))
    return value
