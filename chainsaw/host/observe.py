"""Look at the host, once, and return what a plan needs to know."""

from __future__ import annotations

from chainsaw.host import certificates, files, store
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.observed import Observed

PATTERNS = ("app@*", "chainsaw-*", "chainsaw.target")


def issued_record(paths: Paths, host: str) -> str:
    """Return the file that says until when a host's certificate is valid."""
    return f"{paths.front}/issued/{host}.json"


def observe(paths: Paths, wanted: Manifest, manager: UserManager) -> Observed:
    """Return the state of the host, as far as a plan for the wanted manifest needs it."""
    number = store.current_number(paths)
    manifest = store.read_manifest(paths, number)
    return Observed(
        manifest=manifest,
        paths=frozenset(path for path in _asked(paths, wanted) if files.exists(path)),
        units=manager.states(PATTERNS),
        applied=store.read_applied(paths),
        links=frozenset(_links(paths)),
        quadlets_linked=files.link_target(paths.quadlet_link) == f"{paths.current}/quadlets",
        certificates=frozenset(
            host
            for host in {item.host for item in wanted.instances.values()}
            if certificates.is_current(issued_record(paths, host))
        ),
        images=store.read_images(paths),
        drift=tuple(store.find_drift(paths, manifest)),
        unfinished=store.is_unfinished(paths),
    )


def _asked(paths: Paths, wanted: Manifest) -> list[str]:
    deployments = [*([wanted.front] if wanted.front else []), *wanted.instances.values()]
    asked = [directory.path for deployment in deployments for directory in deployment.directories]
    asked += [secret.path for deployment in deployments for secret in deployment.secrets]
    asked += [f"{paths.static}/{item.static.key}" for item in deployments if item.static]
    return asked


def _links(paths: Paths) -> list[str]:
    """Return our unit links: those that point into the current generation."""
    own = f"{paths.current}/units/"
    names = files.list_directory(paths.unit_links)
    return [name for name in names if (files.link_target(f"{paths.unit_links}/{name}") or "") == own + name]


def foreign_links(paths: Paths, names: list[str]) -> list[str]:
    """Return the paths that chainsaw needs for its links, where something of another origin stands."""
    own = set(_links(paths))
    places = [f"{paths.unit_links}/{name}" for name in names if name not in own]
    found = [place for place in places if files.exists(place)]
    target = files.link_target(paths.quadlet_link)
    if files.exists(paths.quadlet_link) and target != f"{paths.current}/quadlets":
        found.append(paths.quadlet_link)
    return found
