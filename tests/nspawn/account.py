"""The admin's account: emptied, and given the base image."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from . import enter, images, store
from .host import MachineError, Process, attempt, run, say, wait_for
from .machine import Machine, user_manager_runs

SLICE = f"user-{enter.ADMIN_ID}.slice"
FIRST_SUBORDINATE = 100000


def reset(machine: Machine, *, keep_images: bool) -> None:
    """Give the admin an account as adduser made it."""
    leader = machine.running()
    inside = enter.as_root(leader)
    say(f"emptying the account of {enter.ADMIN}")
    _log_out(inside)
    _unmount(leader, inside)
    if keep_images:
        store.save(machine.home, machine.root)
    else:
        store.forget_all(machine.home)
    _empty(machine.root)
    _delete_strays(inside)
    _welcome(machine, inside)


def import_base(machine: Machine, launcher: Path) -> None:
    """Put the base image into the admin's store, with all other images that were saved for this storage driver."""

    def podman(*words: str) -> bool:
        return enter.admin_run(launcher, machine.name, ["podman", *words])

    inside = enter.as_root(machine.running())
    if store.waits(machine.home, machine.root):
        _forget_podman(podman, inside)
        store.bring_back(machine.home, machine.root)
        if not _prune(podman):
            say("the images put aside are of no use; starting with none")
            _forget_podman(podman, inside)
            store.forget(machine.root / store.LIVE)
    if podman("image", "exists", images.BASE_REFERENCE):
        return
    tarball = images.base().build()
    say(f"importing {images.BASE_REFERENCE}")
    with tarball.open("rb") as stream:
        words = ["podman", "import", "--quiet", "--change", 'CMD ["bash"]', "-", images.BASE_REFERENCE]
        if not enter.admin_run(launcher, machine.name, words, stdin=stream.fileno()):
            raise MachineError("podman import failed")


def _forget_podman(podman: Callable[..., bool], inside: list[str]) -> None:
    # Without these files podman assumes a reboot: it does not look for processes of its containers.
    podman("system", "migrate")
    runtime = Path("/run/user", str(enter.ADMIN_ID))
    run([*inside, "rm", "-rf", runtime / "libpod", runtime / "containers"])


def _prune(podman: Callable[..., bool]) -> bool:
    # Only images are kept for the next account; everything of its containers is deleted.
    return all(
        (
            podman("rm", "--all", "--force"),
            podman("volume", "rm", "--all", "--force"),
            podman("network", "prune", "--force"),
            podman("secret", "rm", "--all"),
        )
    )


def _log_out(inside: list[str]) -> None:
    attempt([*inside, "systemctl", "kill", "--signal=SIGKILL", SLICE])
    attempt([*inside, "loginctl", "disable-linger", enter.ADMIN])
    attempt([*inside, "loginctl", "terminate-user", enter.ADMIN])
    attempt([*inside, "systemctl", "stop", SLICE, f"user-runtime-dir@{enter.ADMIN_ID}.service", enter.LOGIN_UNIT])
    attempt([*inside, "systemctl", "reset-failed"])


def _unmount(leader: Process, inside: list[str]) -> None:
    home = f"/home/{enter.ADMIN}"
    mounts = [line.split()[4] for line in Path(f"/proc/{leader.pid}/mountinfo").read_text().splitlines()]
    for path in reversed([mount for mount in mounts if mount == home or mount.startswith(f"{home}/")]):
        run([*inside, "umount", "--lazy", path])


def _empty(root: Path) -> None:
    home = root / "home" / enter.ADMIN
    shutil.rmtree(home)
    run(["cp", "-a", root / "etc/skel", home])
    run(["chown", "-R", f"{enter.ADMIN_ID}:{enter.ADMIN_ID}", home])
    home.chmod(0o700)


def _delete_strays(inside: list[str]) -> None:
    owners = ["(", "-uid", str(enter.ADMIN_ID), "-o", "-uid", f"+{FIRST_SUBORDINATE - 1}", ")"]
    run([*inside, "find", "/tmp", "/var/tmp", "/dev/shm", "-xdev", "-mindepth", "1", *owners, "-delete"])
    run([*inside, "journalctl", "--quiet", "--rotate"])
    run([*inside, "find", "/var/log/journal", "-name", f"user-{enter.ADMIN_ID}@*.journal", "-delete"])


def _welcome(machine: Machine, inside: list[str]) -> None:
    if machine.empty:
        return
    run([*inside, "loginctl", "enable-linger", enter.ADMIN])
    # Just after a user has left, logind still counts the user as active, and does not start the user manager.
    run([*inside, "systemctl", "start", f"user@{enter.ADMIN_ID}.service"])
    if not wait_for(lambda: user_manager_runs(inside), 30):
        raise MachineError("the user manager of admin does not start; see: tests/machine root -- journalctl -b")
