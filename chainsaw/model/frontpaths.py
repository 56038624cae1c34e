"""The paths of what belongs to the front: certificates, answers that it keeps, and the login service."""

from __future__ import annotations


class FrontPaths:
    """Where the front's data is, below `root`."""

    @property
    def root(self) -> str:
        """The directory of all data that must not be lost."""
        raise NotImplementedError

    @property
    def front(self) -> str:
        """The front's own data."""
        return f"{self.root}/front"

    @property
    def certificates(self) -> str:
        """One directory for each host, mounted in the front."""
        return f"{self.front}/certificates"

    @property
    def buffers(self) -> str:
        """Where the front keeps requests and answers that do not fit into memory."""
        return f"{self.front}/buffers"

    def kept(self, name: str, version: str) -> str:
        """Return where the front keeps answers of an instance, made by one version of it."""
        return f"{self.buffers}/kept.{name}.{version}"

    @property
    def authority(self) -> str:
        """The local authority."""
        return f"{self.front}/authority"

    @property
    def logins(self) -> str:
        """The login service's own data: users, sessions, and the key that signs them."""
        return f"{self.root}/logins"

    @property
    def users_file(self) -> str:
        """The users of the site, with the hashes of their passwords; the login service has a copy."""
        return f"{self.logins}/users.json"

    @property
    def users_copy(self) -> str:
        """The copy for the login service, which can be read by that alone."""
        return f"{self.logins}/users/users.json"

    @property
    def probe_file(self) -> str:
        """The word with which chainsaw itself passes a login, to see whether an application works."""
        return f"{self.logins}/probe"

    @property
    def accounts(self) -> str:
        """The accounts at ACME authorities."""
        return f"{self.front}/acme/accounts"

    def issued(self, host: str) -> str:
        """Return the record of the certificate of a host name."""
        return f"{self.front}/issued/{host}.json"

    def ledger(self, host: str) -> str:
        """Return the record of what was asked of ACME authorities for a host name."""
        return f"{self.front}/acme/hosts/{host}.json"

    def order(self, host: str) -> str:
        """Return the unfinished order of a host name, with its private key."""
        return f"{self.front}/acme/orders/{host}.json"
