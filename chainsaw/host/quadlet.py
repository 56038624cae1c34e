"""The one door to Podman's generator, which makes systemd's units of quadlets (podman-systemd.unit(5))."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, process

GENERATORS = ("/usr/lib/systemd/user-generators/podman-user-generator", "/usr/libexec/podman/quadlet")


def check_quadlets(directory: str) -> None:
    """Let the generator convert a directory of quadlets; raise ChainsawError when it does not accept one.

    Without this check the generator would leave a bad one out without an error (podman#18778).
    """
    generator = next((item for item in GENERATORS if files.exists(item)), GENERATORS[0])
    outcome = process.run([generator, "-user", "-dryrun"], check=False, extra_env={"QUADLET_UNIT_DIRS": directory})
    if outcome.code:
        raise ChainsawError(
            Diagnostic("quadlet", f"Podman does not accept these quadlets:\n{outcome.complaint}", directory)
        )
