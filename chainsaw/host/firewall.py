"""The service of the host that bounds how many connections one address holds to the front; root starts and stops it."""

from __future__ import annotations

from chainsaw.host import files, process

UNIT = "chainsaw-connections.service"
INVOKED = f"/run/systemd/units/invocation:{UNIT}"
"""What systemd writes down of a unit while it is up."""


def is_up() -> bool:
    """Return whether the service is up; everybody may know."""
    return files.link_target(INVOKED) is not None


def start() -> None:
    """Start the service now and at each boot; a kernel that cannot count connections leaves it down."""
    process.run(["systemctl", "enable", "--quiet", UNIT])
    process.run(["systemctl", "restart", UNIT], check=False)


def stop() -> None:
    """Stop the service, and do not start it at the next boot."""
    process.run(["systemctl", "disable", "--quiet", "--now", UNIT], check=False)
