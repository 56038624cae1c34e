"""What stands in the way of a plan, found before any effect."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, host_lacks
from chainsaw.host import facts
from chainsaw.host.observe import foreign_files
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.model.site import Ports
from chainsaw.plan.diff import FRONT_SOCKET
from chainsaw.plan.observed import Observed


def refuse(paths: Paths, ports: Ports, manifest: Manifest, observed: Observed, overwrite: bool) -> None:
    """Raise ChainsawError for files that were edited or are not ours, and for ports that somebody else has.

    With `overwrite`, edited files are no obstacle.
    """
    problems: list[Diagnostic] = []
    for item in () if overwrite else observed.drift:
        file = f"{paths.generations}/{observed.manifest.number}/{item.path}"
        hint = "put the change into the instance's file or a drop-in; --force discards it"
        problems.append(Diagnostic("edited", f"edited by hand:\n{item.diff}", file, hint=hint))
    for place in foreign_files(paths, manifest):
        hint = f"mv {place} {place}.old"
        problems.append(Diagnostic("foreign", "not made by chainsaw, and in the way", place, hint=hint))
    if problems:
        raise ChainsawError(problems)
    if not observed.runs(FRONT_SOCKET):
        taken = sorted({ports.http, ports.https} & facts.listeners())
        if taken:
            raise host_lacks([_occupied(port) for port in taken])


def _occupied(port: int) -> Diagnostic:
    hint = f"sudo ss -ltnp 'sport = :{port}' shows which; or set ports: in site.yaml"
    return Diagnostic("port-occupied", f"another program listens on port {port}", hint=hint)
