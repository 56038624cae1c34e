"""Which ACME directory is asked: the primary one, its staging directory, or another authority."""

from __future__ import annotations

from chainsaw.model.base import Recorded
from chainsaw.model.renewal import OUTAGES, Ledger
from chainsaw.model.tls import LETSENCRYPT

STAGING = {LETSENCRYPT: "https://acme-staging-v02.api.letsencrypt.org/directory"}
"""Directories whose limits are low and which have another to try with, whose certificates nobody trusts."""
PATIENCE = 3
"""After how many failures in a row another authority is asked."""


class Choice(Recorded):
    """A directory to ask now; what a staging directory issues is not used."""

    directory: str
    staging: bool = False


def choose(ledger: Ledger, primary: str, fallback: str = "") -> Choice:
    """Return the directory to ask now.

    After a failure with a directory that has a staging one, that one is asked until it issues. The fallback is asked
    after PATIENCE failures of the primary that may not be its own, and then both in turn.
    """
    directory = fallback if fallback and _is_lost(ledger, primary, fallback) else primary
    failed = any(item.directory in (directory, STAGING.get(directory)) for item in ledger.failures)
    if directory in STAGING and failed and not ledger.staged:
        return Choice(directory=STAGING[directory], staging=True)
    return Choice(directory=directory)


def _is_lost(ledger: Ledger, primary: str, fallback: str) -> bool:
    own = {primary, STAGING.get(primary, primary)}
    other = {fallback, STAGING.get(fallback, fallback)}
    failures = [item for item in ledger.failures if item.directory in own]
    recent = failures[-PATIENCE:]
    if len(recent) < PATIENCE or any(item.kind not in OUTAGES for item in recent):
        return False
    since = [item.directory in own for item in ledger.failures if item.directory in own | other]
    # After the fallback has failed too it is the primary's turn again, and then the fallback's.
    return since[-1]
