"""doctor: the host examined, and what is wrong with it told with the command that mends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import certificates, checkup, facts, store, web
from chainsaw.host.observe import PATTERNS, issued_record
from chainsaw.host.questions import answers
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.vitals import Addresses, Answered, Knock, Shown
from chainsaw.plan import checkup as site
from chainsaw.plan import groundwork as ground
from chainsaw.plan import reach, resources
from chainsaw.plan.observed import EMPTY, UnitDetails
from chainsaw.plan.verdict import Check, in_short, summary
from chainsaw.work.names import declared_names
from chainsaw.work.overview import missing_directories
from chainsaw.work.result import Reporter, Result, Table

NAMES_PATIENCE, FRONT_PATIENCE = 0.8, 2.0
"""Seconds for the resolver, and for the front; both answer in milliseconds where nothing is wrong."""
UPGRADE = "upgrade to Debian 13"
NGINX_FLOOR = (1, 25, 1)
"""The first with the directive http2 (nginx's CHANGES)."""
PYTHON_FLOOR = (3, 11)
NOBODY = "nobody.invalid"
"""A name that is nobody's (RFC 2606)."""
Value = TypeVar("Value")
PODMAN_UNITS = ("podman.socket", "podman.service")


@dataclass(frozen=True)
class Systemd:
    """What the user manager says of units, and its version; None when it does not answer, and `problem` says why."""

    units: Mapping[str, UnitDetails] | None = None
    version: int | None = None
    problem: Diagnostic | None = None


@dataclass(frozen=True)
class Seen:
    """What is applied, which most checks look at; `unreadable` is why that cannot be told."""

    user: facts.Account
    manifest: Manifest
    ports: tuple[int, int]
    unreadable: Diagnostic | None

    @property
    def paths(self) -> Paths:
        """Where everything of the user is."""
        return self.user.paths

    @property
    def hosts(self) -> list[str]:
        """The host names that are routed."""
        return sorted({item.host for item in self.manifest.instances.values()})


def doctor(fix: bool, report: Reporter) -> Result:
    """Return what there is to say of this host; with `fix`, after what may be mended without root was mended."""
    if facts.is_root():
        message = "an ordinary user's instances are examined, never root's"
        raise ChainsawError(Diagnostic("root-user", message, hint="chainsaw doctor, without sudo"), Exit.USAGE)
    user = facts.account()
    mended: list[str] = []
    if fix:
        from chainsaw.work.mending import mend

        mended = mend(user, report)
    checks = examine(user)
    rows = tuple(
        (check.state, check.name, f"{check.found} -> {check.hint}" if check.hint else check.found)
        for check in in_short(checks)
    )
    lines = [*mended, *(["nothing was to be mended"] if fix and not mended else []), summary(checks)]
    data = {"checks": [check.as_dict() for check in checks], **({"mended": mended} if fix else {})}
    wrong = any(check.state == "fail" for check in checks)
    table = Table(("state", "what", "found"), rows)
    return Result(data, tuple(lines), exit=Exit.DEGRADED if wrong else Exit.OK, table=table)


def examine(user: facts.Account) -> list[Check]:
    """Return a verdict on all that is looked at; what takes its time is begun first."""
    seen = _look(user)
    remote = [host for host in seen.hosts if not reach.is_local(host)]
    names = answers({host: partial(web.addresses_of, host) for host in remote}, NAMES_PATIENCE)
    front = web.Front(seen.ports[1], f"{seen.paths.authority}/ca.pem")
    asked = {host: partial(web.shown_certificate, front, host, FRONT_PATIENCE) for host in seen.hosts}
    shown = answers(asked, FRONT_PATIENCE)
    host = seen.hosts[0] if seen.hosts else NOBODY
    knock = answers({host: partial(web.knock, seen.ports[0], host, FRONT_PATIENCE)}, FRONT_PATIENCE)
    systemd = _ask_systemd()
    checks = [*_ground(seen, systemd), *_resources(seen), *_site(seen, systemd)]
    if seen.manifest.front:
        answer = knock().get(host, Knock(problem="timed out"))
        checks.append(reach.http(seen.ports[0], answer, seen.hosts[0] if seen.hosts else ""))
        checks.append(reach.https(seen.ports[1], seen.hosts, shown()))
    return [*checks, *_hosts(seen, shown(), names())]


def _hosts(seen: Seen, shown: Mapping[str, Shown], names: Mapping[str, Answered]) -> Iterator[Check]:
    for host in seen.hosts:
        until = certificates.valid_until(issued_record(seen.paths, host))
        yield reach.certificate(host, until.timestamp() if until else None, shown.get(host), time.time())
    own = reach.addresses_in(checkup.text_of("/proc/net/fib_trie"), checkup.text_of("/proc/net/if_inet6"))
    this = Addresses(own, checkup.own_names())
    yield from (reach.leads_here(host, names.get(host), this) for host in seen.hosts)


def _look(user: facts.Account) -> Seen:
    paths = user.paths
    manifest, unreadable = EMPTY, None
    try:
        manifest = store.read_manifest(paths, store.current_number(paths))
    except ChainsawError as error:
        unreadable = error.diagnostics[0]
    return Seen(user, manifest, checkup.front_ports(paths) or _declared_ports(paths), unreadable)


def _ask_systemd() -> Systemd:
    try:
        with UserManager() as manager:
            return Systemd(manager.details((*PATTERNS, *PODMAN_UNITS)), manager.version)
    except ChainsawError as error:
        return Systemd(problem=error.diagnostics[0])


def _declared_ports(paths: Paths) -> tuple[int, int]:
    """Return the ports of site.yaml, or the usual ones where that cannot be read: apply tells what is wrong with it."""
    from chainsaw.load.site import load_site

    try:
        declared = load_site("site.yaml", checkup.text_of(paths.site_file)).ports
    except ChainsawError:
        return (80, 443)
    return (declared.http, declared.https)


def _ground(seen: Seen, systemd: Systemd) -> Iterator[Check]:
    user, paths = seen.user, seen.paths
    yield ground.user_manager(systemd.problem)
    yield ground.lingering(user.name, checkup.lingers(user.name))
    ids = {file: checkup.text_or_nothing(file) for file in ("/etc/subuid", "/etc/subgid")}
    blocks = _tried(lambda: store.read_blocks(paths))
    yield ground.subordinate_ids(user.name, user.uid, ids, blocks)
    chosen = checkup.text_of(f"{paths.config}/containers/storage.conf")
    yield ground.storage_driver(
        chosen, checkup.image_store(paths), checkup.has_program("/usr/bin/fuse-overlayfs"), user.name
    )
    main = [f"{place}/systemd/journald.conf" for place in checkup.PRECEDENCE]
    yield ground.journal(checkup.configuration("systemd/journald.conf.d", main), checkup.journal_store())
    lowest = (checkup.text_of(facts.PORT_START) or "").strip()
    kept = checkup.configuration("sysctl.d", [])
    yield ground.low_ports(seen.ports, int(lowest) if lowest.isdigit() else None, kept)
    yield ground.controllers(*checkup.controllers(user.uid), checkup.in_container())
    yield from _versions(seen, systemd)
    yield ground.git(checkup.has_program("git"))
    yield ground.names_of_ids(None if blocks is None else checkup.named_ids(blocks), user.name)


def _versions(seen: Seen, systemd: Systemd) -> Iterator[Check]:
    podman = _tried(lambda: facts.podman_version(seen.paths))
    yield ground.version("Podman", podman, facts.PODMAN_FLOOR, UPGRADE, "podman --version")
    found = (systemd.version,) if systemd.version else None
    yield ground.version("systemd", found, (facts.SYSTEMD_FLOOR,), UPGRADE, "systemctl --version")
    yield ground.version("Python", checkup.python_version(), PYTHON_FLOOR, UPGRADE, "python3 --version")
    if seen.manifest.front:
        image = seen.manifest.front.images[0].reference
        again = f"podman untag {image}; systemctl --user stop chainsaw-front.service; chainsaw apply"
        nginx = checkup.nginx_version(seen.paths, image)
        yield ground.version("nginx", nginx, NGINX_FLOOR, again, f"podman run --rm {image} nginx -v")


def _tried(look: Callable[[], Value]) -> Value | None:
    """Return what a look returns, None where it meets what cannot be read, or written: a full disk is no reason."""
    try:
        return look()
    except (ChainsawError, OSError):
        return None


def _resources(seen: Seen) -> Iterator[Check]:
    paths = seen.paths
    yield resources.clock(checkup.clock(paths))
    places = {
        "data": paths.root,
        "images": f"{paths.data}/containers/storage",
        "generations": paths.generations,
        "journal": "/var/log/journal",
    }
    for space in checkup.spaces(places):
        yield resources.space(space)
    meminfo, pressure = checkup.text_of("/proc/meminfo"), checkup.text_of("/proc/pressure/memory")
    yield from resources.memory(meminfo, pressure, None if seen.unreadable else checkup.limits(paths, seen.manifest))


def _site(seen: Seen, systemd: Systemd) -> Iterator[Check]:
    paths, manifest = seen.paths, seen.manifest
    number = store.current_number(paths)
    former = [item for item in store.numbers(paths) if item < number]
    way_back = f"ln -sfn {former[-1]} {paths.current}; chainsaw apply" if former else ""
    yield site.generation(number, seen.unreadable, way_back, declared_names(paths))
    yield from site.leftovers(_tried(lambda: checkup.leftovers(paths)))
    drift = None if seen.unreadable else _tried(lambda: store.find_drift(paths, manifest))
    yield site.generated_files(None if drift is None else [item.path for item in drift])
    yield site.failed_units(systemd.units)
    yield from site.listening(manifest, systemd.units)
    gone = {name: missing_directories(item) for name, item in manifest.instances.items()}
    yield from site.instances(manifest, systemd.units, gone)
    yield from site.front(manifest, systemd.units)
