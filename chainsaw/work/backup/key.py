"""backup key: makes the key with which backups are encrypted, and prints its secret part once."""

from __future__ import annotations

import time

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import facts, files
from chainsaw.host.account import Account
from chainsaw.host.bundle.sealed import new_pair
from chainsaw.load.edit import with_key
from chainsaw.load.site import load_site
from chainsaw.model.schedule import Schedule
from chainsaw.work.backup.access import make_password, password_of
from chainsaw.work.config.edit import edit
from chainsaw.work.result import Reporter, Result

MARK = "MARK"


def make_key(account: Account, report: Reporter) -> Result:
    """Make a key, add its public part to site.yaml, and return its secret part, which is kept nowhere.

    Raise ChainsawError when site.yaml cannot be changed.
    """
    secret, public = new_pair()
    recipients = list(_recipients(files.read_text(account.paths.site_file) or ""))

    def add(text: str, problems: list[str]) -> str | None:
        if problems:
            raise ChainsawError(Diagnostic("key", "\n".join(problems), "site.yaml"))
        recipients[:] = [*_recipients(text), public]
        marked = with_key(text, ("backup", "recipients"), MARK)
        return marked.replace(f"recipients: {MARK}", f"recipients: [{', '.join(recipients)}]")

    make_password(account)
    password = password_of(account)
    edited = edit(account, None, add, report)
    data = {"recipient": public, "identity": secret, "recipients": recipients, "repository_password": password}
    return Result(data, _sheet(secret, public, password), edited.diagnostics)


def _recipients(text: str) -> tuple[str, ...]:
    return (load_site("site.yaml", text).backup or Schedule()).recipients


def _sheet(secret: str, public: str, password: str) -> tuple[str, ...]:
    """Return what is printed or written down: it is all that it takes, besides a backup."""
    return (
        f"Recovery sheet of {facts.node()}, {time.strftime('%Y-%m-%d')}",
        "",
        "This key opens the backups of this site. It is kept nowhere else: print this page, or write the key down,",
        "and put it where neither fire nor thieves find it together with the computer.",
        "",
        f"  {secret}",
        "",
        "The password of this site's repositories, restic:…, if it has any:",
        "",
        f"  {password}",
        "",
        f"Its public part, which is in site.yaml now: {public}",
        "From the next chainsaw apply on, backups are encrypted for it.",
        "",
        "On an empty host: write the key into a file, then",
        "  sudo apt install ./chainsaw.deb; sudo chainsaw setup",
        "  chainsaw restore FILE --identity KEYFILE",
        "  or, from a repository: chainsaw secret set backup_password; chainsaw restore restic:PLACE#NAME",
    )
