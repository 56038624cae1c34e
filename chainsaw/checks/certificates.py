"""Checks of certificates: what is recorded of each, what the front shows, and whether they are renewed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chainsaw.checks.check import Check, some
from chainsaw.checks.observed import ShownCertificate
from chainsaw.model.certificate import DAY, LOCAL, Certificate, HostIssuer
from chainsaw.model.quantity import span_for_people
from chainsaw.plan.observed import UnitDetails

TIMER, SERVICE = "chainsaw-certificates.timer", "chainsaw-certificates.service"
RELOAD = "systemctl --user reload chainsaw-front"
YEAR = 365 * DAY
LATEST = 26 * 3600.0
"""Seconds after which the timer has not run for too long."""


def certificate(
    host: str,
    issuer: HostIssuer,
    record: Certificate | None,
    shown: ShownCertificate | None,
    now: float,
    *,
    failing: bool = False,
) -> Check:
    """Check the certificate of a host, recorded and shown; `now` is in seconds since 1970.

    `failing` is whether an authority has issued none when it was asked last.
    It is yellow when it should have been renewed already, and red well before it is lost.
    """
    mine = record if record and record.issuer == issuer.issuer else None
    # An authority that has refused is asked again at once only when that is wanted.
    asks = issuer.issuer == "acme" and (mine is None or failing)
    hint = _remedy(host, issuer) + (" --force" if asks else "")
    if shown and shown.refused:
        return _refused(host, mine, shown, hint, now)
    seen = shown if shown and shown.until else None
    if mine is None and issuer.issuer != LOCAL:
        return Check("certificate", "fail", f"there is none of the issuer {issuer.issuer} yet", hint, host)
    if mine is None and seen is None:
        return Check("certificate", "unknown", "not recorded, and the front does not show one", hint, host)
    until = min([*([mine.not_after] if mine else []), *([seen.until] if seen else [])])
    left = until - now
    life = seen.until - seen.since if seen else mine.lifetime if mine else 0.0
    if left <= 0:
        return Check("certificate", "fail", f"expired {span_for_people(-left)} ago", hint, host)
    found = f"valid for {span_for_people(left)} more"
    if left < min(7 * DAY, life / 8):
        return Check("certificate", "fail", f"{found} only", hint, host)
    if mine and seen and _differ(mine, seen):
        return Check("certificate", "warn", f"{found}; the front still shows another one", RELOAD, host)
    if left < (life / 4 if issuer.issuer == "acme" else min(life / 3, 30 * DAY) if issuer.chain else life / 3):
        return Check("certificate", "warn", f"{found}, and due for renewal", hint, host)
    return Check("certificate", "ok", found, subject=host)


def _refused(host: str, mine: Certificate | None, shown: ShownCertificate, hint: str, now: float) -> Check:
    if mine is None and "self-signed" in shown.problem:
        return Check("certificate", "fail", "there is none yet; browsers are shown a placeholder, and warn", hint, host)
    renewed = mine is not None and mine.is_fresh(now)
    return Check("certificate", "fail", f"not valid: {shown.problem}", RELOAD if renewed else hint, host)


def _remedy(host: str, issuer: HostIssuer) -> str:
    if issuer.issuer == "files" and not issuer.chain:
        return f"chainsaw cert import {host} --chain FILE --key FILE"
    return f"chainsaw cert renew {host}"


def _differ(record: Certificate, seen: ShownCertificate) -> bool:
    if record.serial and seen.serial:
        return record.serial != seen.serial
    return record.not_after - seen.until > DAY


def local_authority(until: float | None, remedy: str, now: float) -> Check:
    """Check until when this host's own authority is valid, which nobody can renew for the browsers that trust it.

    It is yellow a year before. `until` is in seconds since 1970, and None where its certificate cannot be read.
    """
    if until is None:
        return Check("local authority", "unknown", "its certificate cannot be read", remedy)
    left = until - now
    if left <= 0:
        return Check("local authority", "fail", f"ended {span_for_people(-left)} ago: no browser trusts it", remedy)
    if left > YEAR:
        return Check("local authority", "ok", f"valid for {span_for_people(left)} more")
    found = f"ends in {span_for_people(left)}: from then on no browser trusts it"
    return Check("local authority", "fail" if left < 30 * DAY else "warn", found, remedy)


def renewal(
    units: Mapping[str, UnitDetails] | None,
    ran: float | None,
    now: float,
    failing: Collection[str] = (),
    *,
    starts: bool = True,
) -> Check:
    """Check the timer that renews certificates: whether it waits, ran in the last day, and what came of it.

    `starts` is whether it starts at boot. `ran` is when it ran last, in seconds since 1970, and None where that is not
    known; `failing` are the host names that got no certificate when it was last due.
    """
    if units is None:
        return Check("renewal", "unknown", "systemd does not answer")
    start = f"systemctl --user start {TIMER}"
    timer, service = units.get(TIMER), units.get(SERVICE)
    if timer is None or timer.active != "active":
        state = timer.active if timer else "not there"
        return Check("renewal", "fail", f"{TIMER} is {state}: nothing renews certificates", f"chainsaw apply; {start}")
    if not starts:
        found = f"{TIMER} waits, and would not start at the next boot"
        return Check("renewal", "fail", found, "chainsaw apply")
    if failing:
        found = f"no certificate was issued when it was last due: {some(failing)}"
        return Check("renewal", "warn", found, f"chainsaw cert show {sorted(failing)[0]}")
    if service is not None and service.active == "failed":
        look = f"journalctl --user -u {SERVICE} -n 20"
        return Check("renewal", "warn", "the last run did not renew all that was due", look)
    if ran is None:
        return Check("renewal", "ok", "has not run yet, and waits for its time")
    ago = now - ran
    if ago > LATEST:
        found = f"has not run for {span_for_people(ago)}, though it should four times an hour"
        return Check("renewal", "fail", found, f"systemctl --user restart {TIMER}")
    return Check("renewal", "ok", f"ran {span_for_people(max(ago, 0.0))} ago")
