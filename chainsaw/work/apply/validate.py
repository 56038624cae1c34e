"""Lets Podman's generator and nginx read the files of a generation before it is made current."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.podman import Podman
from chainsaw.host.podman.program import check_quadlets
from chainsaw.host.systemd import UserManager
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths
from chainsaw.plan.observed import FRONT_CONTAINER, FRONT_SERVICE


def validate(paths: Paths, manifest: Manifest, podman: Podman, manager: UserManager) -> None:
    """Raise ChainsawError when Podman's generator or nginx does not take a generation that is written."""
    check_quadlets(f"{paths.generations}/{manifest.number}/quadlets")
    _validate_front(paths, manifest, podman, manager)


def _validate_front(paths: Paths, manifest: Manifest, podman: Podman, manager: UserManager) -> None:
    """Let nginx of the front's image read the files and open all they name."""
    front = manifest.front
    assert front is not None
    assert front.block is not None
    prefix = f"/srv/conf/{manifest.number}/nginx/"
    argv = ["front", "test", prefix, "-c", "nginx.conf", "-g", "pid /tmp/test.pid;"]
    running = manager.states([FRONT_SERVICE]).get(FRONT_SERVICE) == "active"
    reference = front.images[0].reference
    if running and f"Image={reference}\n" in (
        files.read_text(f"{paths.current}/quadlets/chainsaw-front.container") or ""
    ):
        outcome = podman.exec(FRONT_CONTAINER, argv)
    else:
        places = {"conf": paths.generations, "certificates": paths.certificates, "sockets": paths.sockets}
        places |= {"static": paths.static, "public": paths.public}
        mounts = [f"{source}:/srv/{name}:ro" for name, source in places.items()]
        mounts.append(f"{paths.buffers}:/srv/buffers:noexec")
        options = [
            "--cap-add=CHOWN",
            "--cap-add=SETUID",
            "--cap-add=SETGID",
            "--sysctl=net.ipv4.ip_unprivileged_port_start=0",
        ]
        outcome = podman.run_once(reference, argv, mounts=mounts, block=front.block, options=options)
    if outcome.code:
        raise ChainsawError(
            Diagnostic("nginx", f"nginx does not take these files:\n{outcome.complaint}", paths.generations)
        )
