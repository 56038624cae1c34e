"""Checks of the clock, the disk and the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from chainsaw.checks.check import Check, State
from chainsaw.checks.observed import Clock, Space, Taken
from chainsaw.model.quantity import bytes_for_people, span_for_people

UNSYNCHRONISED = 16.0
"""Seconds: the error that the kernel reports for a clock without NTP (adjtimex(2); timedatectl uses the same limit)."""
BACKWARDS = 60.0
"""Seconds by which the clock may be behind the time of the last apply."""
SCARCE, LOW = 500_000_000, 2_000_000_000
"""Bytes: an image needs more than the first, an update with its backup about the second."""
FEW_INODES, SOME_INODES = 0.01, 0.05
NO_MEMORY, LITTLE_MEMORY = 0.04, 0.1
WAITING, STALLED = 10.0, 10.0
"""Percent of a minute in which some, or all, processes waited for memory (PSI: some avg60, full avg60)."""
NEARLY_ALL = 0.8
"""The part of a shared limit from which on it is worth a warning."""
SMALL_PAGES = "podman image prune; journalctl --user --vacuum-size=100M"


def clock(seen: Clock) -> Check:
    """Check whether the clock is right, as far as the kernel can tell."""
    behind = seen.written - seen.now
    if behind > BACKWARDS:
        found = f"wrong: it is {span_for_people(behind)} behind the time of the last apply"
        return Check("clock", "fail", found, "sudo timedatectl set-ntp true; timedatectl")
    if seen.error is None:
        return Check("clock", "unknown", "the kernel does not report whether it is synchronised", "timedatectl")
    if seen.error >= UNSYNCHRONISED:
        hint = "sudo apt install systemd-timesyncd; timedatectl"
        if seen.in_container:
            hint = "on the host of this container: timedatectl"
        return Check("clock", "warn", "not synchronised: certificates and one-time passwords depend on it", hint)
    return Check("clock", "ok", f"synchronised, wrong by at most {seen.error * 1000:.0f} ms")


def space(seen: Space) -> Check:
    """Check the free bytes and inodes of a file system."""
    subject = " and ".join(seen.contents) if len(seen.contents) < 3 else ", ".join(seen.contents)
    free = f"{bytes_for_people(seen.free)} of {bytes_for_people(seen.size)} free at {seen.place}"
    inodes = seen.inodes_free / seen.inodes if seen.inodes else 1.0
    state = _graded(
        fail=seen.free < SCARCE or inodes < FEW_INODES,
        warn=seen.free < LOW or inodes < SOME_INODES,
    )
    found = free if inodes >= SOME_INODES else f"{free}, and {seen.inodes_free} of {seen.inodes} inodes"
    return Check("disk", state, found, SMALL_PAGES if state != "ok" else "", subject)


def _graded(fail: bool, warn: bool) -> State:
    return "fail" if fail else "warn" if warn else "ok"


def memory(meminfo: str | None, pressure: str | None, limits: Mapping[str, int | None] | None) -> Iterator[Check]:
    """Check /proc/meminfo (proc(5)), /proc/pressure/memory (the kernel's psi.rst), and the limits of instances.

    `limits` are the bytes of MemoryMax= by unit, None where there is none; or None when they cannot be read.
    """
    if meminfo is None:
        yield Check("memory", "unknown", "/proc/meminfo cannot be read", "free -h")
    else:
        known = {name: int(count) * 1024 for name, count in re.findall(r"^(\w+): +([0-9]+) kB", meminfo, re.MULTILINE)}
        yield _available(known)
        yield _swap(known)
        yield _promised(known, limits)
    yield _pressure(pressure)


def _available(known: Mapping[str, int]) -> Check:
    total, available = known.get("MemTotal", 0), known.get("MemAvailable")
    if available is None or not total:
        return Check("memory", "unknown", "the kernel does not report how much is available", "free -h")
    found = f"{bytes_for_people(available)} of {bytes_for_people(total)} available"
    state = _graded(fail=available < NO_MEMORY * total, warn=available < LITTLE_MEMORY * total)
    return Check("memory", state, found, "chainsaw list shows which instance uses it" if state != "ok" else "")


def _swap(known: Mapping[str, int]) -> Check:
    total, free = known.get("SwapTotal", 0), known.get("SwapFree", 0)
    if not total:
        return Check("swap", "ok", "none")
    found = f"{bytes_for_people(free)} of {bytes_for_people(total)} free"
    if free < 0.1 * total:
        return Check("swap", "warn", found, "chainsaw list shows which instance uses memory; sleep: 15m frees it")
    return Check("swap", "ok", found)


def _promised(known: Mapping[str, int], limits: Mapping[str, int | None] | None) -> Check:
    """Check whether the memory limits of all instances together fit into memory and swap."""
    topic, there = "memory limits", known.get("MemTotal", 0) + known.get("SwapTotal", 0)
    if limits is None:
        return Check(topic, "unknown", "the limits cannot be read", "systemd-cgtop --depth=5 user.slice")
    boundless = sorted(unit for unit, limit in limits.items() if limit is None)
    if boundless:
        return Check(topic, "warn", f"none for {', '.join(boundless)}", "memory: in the file of the instance")
    promised = sum(limit or 0 for limit in limits.values())
    found = f"those of all instances add up to {bytes_for_people(promised)}, of {bytes_for_people(there)}"
    if promised > there:
        hint = "more swap, or sleep: 15m, or less memory: in the files of instances"
        return Check(topic, "warn", f"{found}: if all use their limit, the kernel kills a process", hint)
    return Check(topic, "ok", found)


def _pressure(text: str | None) -> Check:
    topic = "memory pressure"
    if text is None:
        return Check(topic, "unknown", "the kernel does not measure it", "boot with the kernel parameter psi=1")
    found = {kind: float(share) for kind, share in re.findall(r"^(some|full) .*avg60=([0-9.]+)", text, re.MULTILINE)}
    if "some" not in found:
        return Check(topic, "unknown", f"/proc/pressure/memory has an unknown format: {text[:60]!r}")
    waited = f"in {found['some']:.0f} % of the last minute some process waited for memory"
    stalled = found.get("full", 0.0)
    state = _graded(fail=stalled > STALLED, warn=found["some"] > WAITING)
    if state == "ok":
        return Check(topic, state, waited)
    hint = "chainsaw list shows which instance uses it"
    return Check(topic, state, f"{waited}, in {stalled:.0f} % all of them", hint)


def shared_limits(found: Sequence[Taken]) -> Check:
    """Check how much is taken of what the kernel gives to all instances together, with no limit for each."""
    topic = "shared limits"
    scarce = [item for item in found if item.share is not None and item.share > NEARLY_ALL]
    if scarce:
        texts = ", ".join(map(_taken, scarce))
        return Check(topic, "warn", f"nearly used up, by all together: {texts}", _raise(scarce[0]))
    if unread := [item.what for item in found if item.share is None]:
        return Check(topic, "unknown", f"cannot be read: {', '.join(unread)}", "ls /proc/sys/kernel /proc/sys/fs")
    return Check(topic, "ok", f"taken by all together: {', '.join(map(_taken, found))}")


def _taken(item: Taken) -> str:
    return f"{item.what} {item.used} of {item.limit}"


def _raise(item: Taken) -> str:
    """Return the commands that double a limit, and keep it so."""
    name, _, unit = item.setting.partition(" of ")
    wanted = f"{name}={2 * (item.limit or 0)}"
    if unit:
        return f"chainsaw top; then sudo systemctl set-property {unit} {wanted}"
    return f"echo {wanted} | sudo tee /etc/sysctl.d/60-{name.replace('.', '-')}.conf; sudo sysctl --system"
