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
from chainsaw.model.tls import Acme, Fallback
from chainsaw.work.result import Reporter


def setup_of(paths: Paths, site: Site, acme: Acme) -> Setup:
    """Return the authorities that are asked; raise ChainsawError for a secret that is not set."""
    contact = acme.contact or (site.admin.email if site.admin else "")
    primary = Authority(acme.directory, acme.trust or "", contact, *_account(paths, acme), acme.profile or "")
    if (second := acme.other) is None:
        return Setup(paths.accounts, primary)
    account = _account(paths, second)
    other = Authority(second.directory, acme.trust or "", contact, *account, second.profile or "")
    return Setup(paths.accounts, primary, other)


def _account(paths: Paths, authority: Acme | Fallback) -> tuple[str, str]:
    """Return the identifier of the key, and the key, of an account that exists already."""
    bound = authority.external_account
    return (bound.key_id, _secret(paths, bound.key).strip()) if bound else ("", "")


def challengers_of(paths: Paths, acme: Acme, report: Reporter) -> tuple[Challenger, ...]:
    """Return how this host shows that it has a name; raise ChainsawError as `setup_of` does."""
    dns = acme.dns
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
