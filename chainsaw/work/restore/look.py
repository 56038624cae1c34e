"""What is in a restored instance that runs, compared with what its backup says that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, usage
from chainsaw.host.account import Account
from chainsaw.host.bundle import taking
from chainsaw.host.bundle.writer import copy_databases
from chainsaw.host.store.users import read_probe
from chainsaw.host.web import Front
from chainsaw.model.backup import Backup, Ending
from chainsaw.model.deployment import Deployment
from chainsaw.work.apply.proof import proof
from chainsaw.work.backup.write import PATIENCE
from chainsaw.work.config.applied import applied_site
from chainsaw.work.result import Reporter

LEAST = 0.9
"""As much of a volume is there when the application has started: it may delete what it makes again, and no more."""
APART = 0.1
"""By so much of its size a dump may differ from that in the backup: the application has written since."""
SLACK = 16 * 1024
"""Bytes by which anything may differ: of what is small, a tenth is nothing."""
FEW = 3
"""Members by which a volume may differ."""
PAGE = 15.0
"""Seconds for its page: it has answered before."""


@dataclass
class Found:
    """What is there, beside what the backup lists: of volumes, of dumps, and which volumes have whole databases."""

    volumes: dict[str, dict[str, int]] = field(default_factory=dict)
    dumps: dict[str, dict[str, int]] = field(default_factory=dict)
    databases: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"volumes": self.volumes, "dumps": self.dumps, "databases": self.databases}


@dataclass(frozen=True)
class Look:
    """An instance that was restored and started, from a backup, to be looked at."""

    account: Account
    deployment: Deployment
    backup: Backup
    ending: Ending
    report: Reporter

    def look(self, found: Found) -> None:
        """Ask for its page, and note what it has; raise ChainsawError for what is not as the backup says."""
        problems = [*self._page(), *self._volumes(found), *self._dumps(found), *self._databases(found)]
        if problems:
            raise ChainsawError(problems)

    def _page(self) -> Iterator[Diagnostic]:
        """Yield what is wrong with the page that the recipe names, as the front shows it."""
        deployment, account = self.deployment, self.account
        self.report.doing(f"asking {deployment.name} for its page")
        front = Front(applied_site(account.paths).ports.https, f"{account.paths.authority}/ca.pem")
        word = read_probe(account.paths)
        if problem := proof(deployment, front, PAGE, lambda: False, word):
            yield Diagnostic("drill-page", problem)

    def _volumes(self, found: Found) -> Iterator[Diagnostic]:
        places = {volume.name: volume.path for volume in self.deployment.volumes}
        for name, tree in self.ending.volumes.items():
            self.report.doing(f"counting what is in {name}")
            members, size = usage.members_of(places[name], self.account.podman.enter())
            found.volumes[name] = {
                "members": tree.members,
                "bytes": tree.bytes,
                "found_members": members,
                "found_bytes": size,
            }
            if members < tree.members * LEAST - FEW or size < tree.bytes * LEAST - SLACK:
                message = (
                    f"of {tree.members} members and {tree.bytes} bytes in the volume {name}, "
                    f"{members} and {size} are there when the application has started"
                )
                yield Diagnostic("drill-volume", message)

    def _dumps(self, found: Found) -> Iterator[Diagnostic]:
        """Yield each database that dumps much less now, or much more, than it did for the backup."""
        for service in self.deployment.services:
            size = self.ending.dumps.get(service.component)
            if size is None:
                continue
            self.report.doing(f"dumping {service.component}")
            words = self.account.podman.exec_words(service.container, service.dump)
            now = taking.measure(words, PATIENCE)
            found.dumps[service.component] = {"bytes": size, "found_bytes": now}
            if not now or abs(now - size) > max(size * APART, SLACK):
                message = f"{service.component} holds {now} bytes as it dumps them, and the backup has {size}"
                yield Diagnostic("drill-dump", message)

    def _databases(self, found: Found) -> Iterator[Diagnostic]:
        """Yield each volume with a damaged database of SQLite, which is read with the application's own ids."""
        places = {volume.name: volume.path for volume in self.deployment.volumes}
        podman = self.account.podman
        for name, wanted in self.backup.sqlite.items():
            self.report.doing(f"reading the databases in {name}")
            copies = f"{self.account.paths.instance(self.deployment.name)}/databases{files.PARTIAL}"
            try:
                podman.remove_trees([copies])
                files.make_directory(copies, 0o700)
                copy_databases(places[name], copies, wanted, podman.enter())
            except ChainsawError as error:
                yield from error.diagnostics
            else:
                found.databases.append(name)
            finally:
                podman.remove_trees([copies])
