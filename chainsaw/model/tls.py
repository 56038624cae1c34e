"""How the admin writes who issues certificates: for the site, and for single host names."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from chainsaw.model.base import Model
from chainsaw.model.names import Email, Span, Text, check_host, check_text
from chainsaw.model.secret import SecretName

Issuer = Literal["local", "acme", "files"]
LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROVIDER = re.compile(r"dns_[a-z0-9_]{1,40}")


def check_directory(value: str) -> str:
    """Return the https URL of an ACME directory; raise ValueError otherwise."""
    parts = urlsplit(check_text(value))
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or any(map(str.isspace, value)):
        raise ValueError(f"an ACME directory is an https URL: {LETSENCRYPT}")
    return value


def check_file(value: str) -> str:
    """Return the absolute path of a file; raise ValueError otherwise."""
    if not check_text(value).startswith("/"):
        raise ValueError("a file of yours is written with its whole path: /home/admin/chain.pem")
    return value


def check_profile(value: str) -> str:
    """Return the name of a profile of an ACME directory; raise ValueError otherwise."""
    if not _PROFILE.fullmatch(value):
        raise ValueError("a profile is one word: tlsserver, shortlived")
    return value


def check_provider(value: str) -> str:
    """Return the name of a script for DNS records, or its whole path; raise ValueError otherwise."""
    if _PROVIDER.fullmatch(value.rpartition("/")[2].removesuffix(".sh")) and ("/" not in value or value[0] == "/"):
        return check_text(value)
    raise ValueError("a provider is a script of acme.sh, such as dns_hetzner, or the whole path of one: /…/dns_own.sh")


Directory = Annotated[str, AfterValidator(check_directory)]
Profile = Annotated[str, AfterValidator(check_profile)]
File = Annotated[str, AfterValidator(check_file)]


class ExternalAccount(Model):
    """An account that exists at the authority already, to which the one of this site is bound (RFC 8555, 7.3.4)."""

    key_id: Text = Field(description="The identifier of its key, as the authority shows it.")
    key: SecretName = Field(description="The key (base64url), as the name of a secret.")


class Dns(Model):
    """How the name servers of a domain are told what an authority looks for there."""

    provider: Annotated[str, AfterValidator(check_provider)] = Field(
        description="A script of Debian's package acme.sh, such as dns_hetzner, or the path of one."
    )
    credentials: SecretName | None = Field(
        None, description="What the script needs, as the name of a secret with lines NAME=VALUE."
    )
    settle: Span = Field("60s", description="How long the name servers may need until they show a change.")
    servers: tuple[Text, ...] = Field((), description="Name servers to ask instead of those of the domain.")


class Fallback(Model):
    """Another authority, with an account and a kind of certificate of its own."""

    directory: Directory = Field(description="Its directory.")
    external_account: ExternalAccount | None = Field(None, description="An account there that exists already.")
    profile: Profile | None = Field(None, description="A kind of certificate that it offers.")


class Acme(Model):
    """A public authority, or any other that speaks ACME (RFC 8555)."""

    directory: Directory = Field(LETSENCRYPT, description="Its directory; that of Let's Encrypt when left out.")
    contact: Email | None = Field(None, description="Where it may write to; the admin's address when left out.")
    external_account: ExternalAccount | None = Field(None, description="An account there that exists already.")
    profile: Profile | None = Field(None, description="A kind of certificate that it offers: tlsserver, shortlived.")
    trust: File | None = Field(None, description="The authority of the directory's own certificate, PEM.")
    fallback: Directory | Fallback | None = Field(
        None,
        description="The directory to ask when that one fails again and again; with its account, a mapping.",
    )
    dns: Dns | None = Field(
        None, description="Shows by records of the domain that it is yours, and not by files on port 80."
    )

    @property
    def other(self) -> Fallback | None:
        """The authority that is asked when the first fails again and again."""
        return Fallback(directory=self.fallback) if isinstance(self.fallback, str) else self.fallback

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories that are asked, the first one first."""
        return (self.directory, *([self.other.directory] if self.other else []))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the secrets that are needed before anybody is asked."""
        bound = (one.external_account for one in (self, self.other) if one)
        keys = [account.key for account in bound if account]
        keys += [self.dns.credentials] if self.dns and self.dns.credentials else []
        return tuple(key.secret for key in keys)


class HostTls(Model):
    """Who issues the certificate of one host name."""

    issuer: Issuer = Field(description="local, acme or files, for this host name.")
    chain: File | None = Field(None, description="With files: its certificate and those of its authorities, PEM.")
    key: File | None = Field(None, description="With files: the private key, PEM.")
    acme: Acme | None = Field(
        None, description="With acme: another authority; or without a directory, what is to be other than the site's."
    )

    @model_validator(mode="after")
    def _together(self) -> HostTls:
        if (self.chain is None) != (self.key is None):
            raise ValueError("chain and key belong together: set both or neither")
        if self.chain is not None and self.issuer != "files":
            raise ValueError(f"chain and key belong to issuer: files, not to {self.issuer}")
        if self.acme is not None and self.issuer != "acme":
            raise ValueError(f"acme belongs to issuer: acme, not to {self.issuer}")
        return self


class Tls(Model):
    """Who issues certificates."""

    issuer: Issuer = Field(
        "local",
        description="local: an authority of this host's own. acme: a public one, such as Let's Encrypt. "
        "files: you do; see chainsaw cert import.",
    )
    acme: Acme = Field(Acme(), description="The authority that acme means.")
    hosts: dict[Annotated[str, AfterValidator(check_host)], HostTls] = Field(
        {}, description="Host names with an issuer of their own."
    )

    @model_validator(mode="after")
    def _others(self) -> Tls:
        for acme in (self.acme, *map(self.acme_of, self.hosts)):
            if acme.other and acme.other.directory == acme.directory:
                raise ValueError("the fallback is another directory than the first")
        return self

    def of(self, host: str) -> HostTls:
        """Return who issues the certificate of a host name; that of a name that only this host knows is local."""
        if host in self.hosts:
            return self.hosts[host]
        return HostTls(issuer="local" if is_local(host) else self.issuer)

    def acme_of(self, host: str) -> Acme:
        """Return what acme means for a host name."""
        own = self.hosts.get(host)
        if own is None or own.acme is None:
            return self.acme
        if "directory" in own.acme.model_fields_set:
            return own.acme
        return self.acme.model_copy(update={key: getattr(own.acme, key) for key in own.acme.model_fields_set})


def is_local(host: str) -> bool:
    """Return whether a name always means this host, without a resolver (RFC 6761, 6.3)."""
    return host == "localhost" or host.endswith(".localhost")
