"""doctor: checks this host, and shows for each problem the command that fixes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from chainsaw.checks import amounts, network, resources
from chainsaw.checks import host as host_checks
from chainsaw.checks import site as site_checks
from chainsaw.checks.backups import backups
from chainsaw.checks.certificates import TIMER, certificate, local_authority, renewal
from chainsaw.checks.check import Check, in_short, summary
from chainsaw.checks.notify import notifications
from chainsaw.checks.observed import Addresses, DiskUse, PlainAnswer, Resolved, ShownCertificate
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import certificates, facts, files, firewall, kernel, readings, web
from chainsaw.host.account import Account
from chainsaw.host.issued import is_failing, read_ledger
from chainsaw.host.notified import read_notified
from chainsaw.host.observe import PATTERNS, own_links
from chainsaw.host.podman import storage
from chainsaw.host.store import generations, records
from chainsaw.host.systemd import UserManager
from chainsaw.model.certificate import LOCAL
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.tls import is_local
from chainsaw.plan.observed import API_SOCKET, EMPTY, TARGET, UnitDetails
from chainsaw.work.certificates.problems import read_problems
from chainsaw.work.certificates.report import shown_to_visitors
from chainsaw.work.config.applied import applied_site
from chainsaw.work.config.names import declared_names
from chainsaw.work.inspect.backups import kept_backups
from chainsaw.work.inspect.disk import disk_uses
from chainsaw.work.inspect.list import missing_directories
from chainsaw.work.notify.channels import channels_of
from chainsaw.work.parallel import answers
from chainsaw.work.result import Reporter, Result, Table

NAMES_PATIENCE, FRONT_PATIENCE = 0.8, 2.0
"""Seconds for the resolver, and for the front; both answer in milliseconds where nothing is wrong."""
DISK_PATIENCE = 10.0
"""Seconds for counting what is on the disk, which takes milliseconds for an instance with few files."""
UPGRADE = "upgrade to Debian 13"
NGINX_FLOOR = (1, 25, 1)
"""The first version with the directive http2 (nginx's CHANGES)."""
PYTHON_FLOOR = (3, 11)
UNKNOWN_HOST = "unknown.invalid"
"""A name that never resolves (RFC 2606)."""
Value = TypeVar("Value")
RESERVED = "/etc/systemd/system/user-.slice.d/50-chainsaw.conf"
PODMAN_UNITS = (API_SOCKET, "podman.service")


@dataclass(frozen=True)
class Systemd:
    """The units and version of the user manager; None when it does not answer, and `problem` says why."""

    units: Mapping[str, UnitDetails] | None = None
    version: int | None = None
    problem: Diagnostic | None = None


@dataclass(frozen=True)
class Seen:
    """What is applied, which most checks read; `unreadable` is why it could not be read."""

    account: Account
    manifest: Manifest
    ports: tuple[int, int]
    unreadable: Diagnostic | None

    @property
    def paths(self) -> Paths:
        """The directories of the user."""
        return self.account.paths

    @property
    def hosts(self) -> list[str]:
        """The host names that have a route."""
        return sorted(self.manifest.hosts)


def doctor(account: Account, fix: bool, report: Reporter) -> Result:
    """Return the checks of this host; with `fix`, first fix what needs no root."""
    if facts.is_root():
        message = "doctor checks the instances of an ordinary user, not of root"
        raise ChainsawError(Diagnostic("root-user", message, hint="chainsaw doctor, without sudo"), Exit.USAGE)
    fixed: list[str] = []
    if fix:
        from chainsaw.work.system.repair import repair

        fixed = repair(account, report)
    checks = examine(account)
    rows = tuple(
        (check.state, check.name, f"{check.found} -> {check.hint}" if check.hint else check.found)
        for check in in_short(checks)
    )
    lines = [*fixed, *(["nothing to fix"] if fix and not fixed else []), summary(checks)]
    data = {"checks": [check.as_dict() for check in checks], **({"fixed": fixed} if fix else {})}
    wrong = any(check.state == "fail" for check in checks)
    table = Table(("state", "what", "found"), rows)
    return Result(data, tuple(lines), exit=Exit.DEGRADED if wrong else Exit.OK, table=table)


def examine(account: Account) -> list[Check]:
    """Return the result of every check; slow requests start first and run in parallel with the rest."""
    seen = read_store(account)
    remote = [host for host in seen.hosts if not is_local(host)]
    names = answers({host: partial(web.addresses_of, host) for host in remote}, NAMES_PATIENCE)
    asked = {host: partial(shown_to_visitors, account, seen.manifest, host, FRONT_PATIENCE) for host in seen.hosts}
    shown = answers(asked, FRONT_PATIENCE)
    count = partial(disk_uses, account, seen.manifest.instances, DISK_PATIENCE)
    counted = answers({"disk": lambda: _tried(count) or {}}, 2 * DISK_PATIENCE)
    host = seen.hosts[0] if seen.hosts else UNKNOWN_HOST
    ask_plain = answers({host: partial(web.ask_plain, seen.ports[0], host, FRONT_PATIENCE)}, FRONT_PATIENCE)
    systemd = ask_systemd()
    checks = [*_host_checks(seen, systemd), *_resources(seen), *_site(seen, systemd)]
    if seen.manifest.front:
        answer = ask_plain().get(host, PlainAnswer(problem="timed out"))
        checks.append(network.http(seen.ports[0], answer, seen.hosts[0] if seen.hosts else ""))
        checks.append(network.https(seen.ports[1], seen.hosts, shown()))
    checks += _hosts(seen, shown(), names())
    uses = counted().get("disk", {})
    for name, item in sorted(seen.manifest.instances.items()):
        checks.append(amounts.disk_use(name, uses.get(name, DiskUse()), item.disk, DISK_PATIENCE))
    return checks


def _hosts(seen: Seen, shown: Mapping[str, ShownCertificate], names: Mapping[str, Resolved]) -> Iterator[Check]:
    yield from certificate_checks(seen, shown)
    own = network.addresses_in(readings.text_of("/proc/net/fib_trie"), readings.text_of("/proc/net/if_inet6"))
    this = Addresses(own, readings.own_names())
    yield from (network.leads_here(host, names.get(host), this) for host in seen.hosts)


def certificate_checks(seen: Seen, shown: Mapping[str, ShownCertificate]) -> Iterator[Check]:
    """Yield the check of the certificate of each host name, and of this host's own authority where it has issued some.

    `shown` are those that the front shows.
    """
    for host in seen.hosts:
        record = certificates.read_record(seen.paths.issued(host))
        failing = is_failing(seen.paths, host)
        yield certificate(host, seen.manifest.issuer(host), record, shown.get(host), time.time(), failing=failing)
    place = seen.paths.authority
    if any(seen.manifest.issuer(host).issuer == LOCAL for host in seen.hosts):
        yield local_authority(certificates.authority_end(place), certificates.another_authority(place), time.time())


def read_store(account: Account) -> Seen:
    """Return what is applied."""
    paths = account.paths
    manifest, unreadable = EMPTY, None
    try:
        manifest = account.current()
    except ChainsawError as error:
        unreadable = error.diagnostics[0]
    return Seen(account, manifest, readings.front_ports(paths) or _declared_ports(paths), unreadable)


def ask_systemd() -> Systemd:
    """Return the units of the user manager."""
    try:
        with UserManager() as manager:
            return Systemd(manager.details((*PATTERNS, *PODMAN_UNITS)), manager.version)
    except ChainsawError as error:
        return Systemd(problem=error.diagnostics[0])


def _declared_ports(paths: Paths) -> tuple[int, int]:
    """Return the ports of site.yaml, or 80 and 443 where it cannot be read; apply reports its errors."""
    from chainsaw.load.site import load_site

    try:
        declared = load_site("site.yaml", readings.text_of(paths.site_file)).ports
    except ChainsawError:
        return (80, 443)
    return (declared.http, declared.https)


def _host_checks(seen: Seen, systemd: Systemd) -> Iterator[Check]:
    account, paths = seen.account, seen.paths
    yield host_checks.user_manager(systemd.problem)
    yield host_checks.lingering(account.name, readings.lingers(account.name))
    ids = {file: readings.text_or_nothing(file) for file in ("/etc/subuid", "/etc/subgid")}
    blocks = _tried(lambda: records.read_blocks(paths))
    yield host_checks.subordinate_ids(account.name, account.uid, ids, blocks)
    chosen = readings.text_of(f"{paths.config}/containers/storage.conf")
    yield host_checks.storage_driver(
        chosen, readings.image_store(paths), readings.has_program("/usr/bin/fuse-overlayfs"), account.name
    )
    main = [f"{place}/systemd/journald.conf" for place in readings.PRECEDENCE]
    yield host_checks.journal(readings.configuration("systemd/journald.conf.d", main), readings.journal_store())
    lowest = (readings.text_of(facts.PORT_START) or "").strip()
    kept = readings.configuration("sysctl.d", [])
    yield host_checks.low_ports(seen.ports, int(lowest) if lowest.isdigit() else None, kept)
    yield host_checks.reserved_ports(readings.text_of(RESERVED))
    yield host_checks.connections(firewall.is_up())
    yield host_checks.controllers(*readings.controllers(account.uid), readings.in_container())
    yield from _versions(seen, systemd)
    yield host_checks.git(readings.has_program("git"))
    yield host_checks.nftables(readings.has_program("/usr/sbin/nft"))
    yield host_checks.names_of_ids(None if blocks is None else readings.named_ids(blocks), account.name)


def _versions(seen: Seen, systemd: Systemd) -> Iterator[Check]:
    podman = _tried(lambda: facts.podman_version(seen.paths))
    yield host_checks.version("Podman", podman, facts.PODMAN_FLOOR, UPGRADE, "podman --version")
    found = (systemd.version,) if systemd.version else None
    yield host_checks.version("systemd", found, (facts.SYSTEMD_FLOOR,), UPGRADE, "systemctl --version")
    yield host_checks.version("Python", readings.python_version(), PYTHON_FLOOR, UPGRADE, "python3 --version")
    if seen.manifest.front:
        image = seen.manifest.front.images[0].reference
        again = f"podman untag {image}; systemctl --user stop chainsaw-front.service; chainsaw apply"
        nginx = readings.nginx_version(seen.paths, image)
        yield host_checks.version("nginx", nginx, NGINX_FLOOR, again, f"podman run --rm {image} nginx -v")


def _tried(read: Callable[[], Value]) -> Value | None:
    """Return what a function reads, None when reading fails; a full disk must not stop the other checks."""
    try:
        return read()
    except (ChainsawError, OSError):
        return None


def _resources(seen: Seen) -> Iterator[Check]:
    paths = seen.paths
    yield resources.clock(readings.clock(paths))
    yield from disk_checks(paths)
    yield resources.shared_limits(list(kernel.taken(seen.account.uid)))
    meminfo, pressure = readings.text_of("/proc/meminfo"), readings.text_of("/proc/pressure/memory")
    yield from resources.memory(meminfo, pressure, None if seen.unreadable else readings.limits(paths, seen.manifest))


def disk_checks(paths: Paths) -> Iterator[Check]:
    """Yield the check of each file system that has something of chainsaw."""
    places = {
        "data": paths.root,
        "images": f"{paths.data}/containers/storage",
        "generations": paths.generations,
        "journal": "/var/log/journal",
    }
    for space in readings.spaces(places):
        yield resources.space(space)


def _site(seen: Seen, systemd: Systemd) -> Iterator[Check]:
    paths, manifest = seen.paths, seen.manifest
    yield generation_check(seen)
    yield from site_checks.leftovers(_tried(lambda: readings.leftovers(paths)))
    drift = None if seen.unreadable else _tried(lambda: generations.find_drift(paths, manifest))
    yield site_checks.generated_files(None if drift is None else [item.path for item in drift])
    yield site_checks.failed_units(systemd.units)
    yield site_checks.podman_store(None if seen.unreadable else _tried(lambda: storage.lost_from(paths, manifest)))
    yield site_checks.podman_api(readings.has_api_socket(seen.account.runtime), systemd.units)
    yield from unit_checks(seen, systemd)


def generation_check(seen: Seen) -> Check:
    """Return the check of the current generation."""
    number = generations.current_number(seen.paths)
    former = [item for item in generations.numbers(seen.paths) if item < number]
    previous = f"ln -sfn {former[-1]} {seen.paths.current}; chainsaw apply" if former else ""
    return site_checks.generation(number, seen.unreadable, previous, declared_names(seen.paths))


def unit_checks(seen: Seen, systemd: Systemd) -> Iterator[Check]:
    """Yield the checks of what has to run: sockets, timers, instances, the front, and what tells the admin."""
    paths, manifest = seen.paths, seen.manifest
    yield from site_checks.listening(manifest, systemd.units)
    if manifest.front:
        ran = files.changed_at(f"{paths.stamps}/stamp-{TIMER}") or None
        failing = {host for host in manifest.issuers if read_ledger(paths, host).failures}
        failing |= manifest.hosts & read_problems(paths).keys()
        yield renewal(systemd.units, ran, time.time(), failing, starts=TARGET in own_links(paths))
        site = _tried(lambda: applied_site(paths))
        names = tuple(item.name for item in channels_of(seen.account, site)) if site else ()
        yield from notifications(systemd.units, read_notified(seen.account), names, time.time())
    kept = kept_backups(paths, manifest.instances, systemd.units)
    yield from backups(kept, time.time())
    missing = {name: missing_directories(item) for name, item in manifest.instances.items()}
    yield from site_checks.instances(manifest, systemd.units, missing)
    yield from site_checks.front(manifest, systemd.units)
