"""How a repository of restic is reached: its password and what else restic must know are secrets of the site."""

from __future__ import annotations

from chainsaw.errors import ChainsawError, Diagnostic, invalid
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.host.restic.answers import Snapshot
from chainsaw.host.restic.call import Restic
from chainsaw.host.restic.repository import Repository
from chainsaw.host.store import backups, records
from chainsaw.model.schedule import ENVIRONMENT, PASSWORD, REPOSITORY, check_destination

LENGTH = 40


def is_repository(place: str) -> bool:
    """Return whether backups in a place are in a repository of restic's, and no files."""
    return place.startswith(REPOSITORY)


def repository_of(account: Account, place: str) -> Repository:
    """Return the repository at a place, as this site uses it; nothing is read or made.

    Raise ChainsawError for an address that is none.
    """
    paths = account.paths
    try:
        check_destination(place)
    except ValueError as error:
        # What was typed may hold a password.
        raise invalid(Diagnostic("backup-option", str(error))) from None
    lines = (files.read_text(paths.site_secret(ENVIRONMENT)) or "").splitlines()
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    files.make_directory(paths.restic, 0o700)
    restic = Restic(place.removeprefix(REPOSITORY), paths.site_secret(PASSWORD), environment, paths.restic)
    return Repository(restic, backups.site_id(paths))


def make_password(account: Account) -> bool:
    """Make the password of this site's repositories, if there is none; return whether it was made."""
    paths = account.paths
    if files.exists(paths.site_secret(PASSWORD)):
        return False
    with account.steps.step("make the password of repositories"):
        records.prepare(paths)
        files.make_directory(paths.site_secrets, 0o700)
        return files.create_file(paths.site_secret(PASSWORD), files.random_text(LENGTH).encode(), 0o600)


def open_or_make(account: Account, repository: Repository, tags: list[str]) -> list[Snapshot]:
    """Return the snapshots of this site with some tags in a repository, which is made where there is none."""
    is_new = make_password(account)
    try:
        return repository.snapshots(tags)
    except ChainsawError as error:
        code = error.diagnostics[0].code
        if is_new and code == "repository-password":
            # It has another one: that of this site must not stand in its way.
            files.remove(account.paths.site_secret(PASSWORD))
        if code != "no-repository":
            raise
    with account.steps.step(f"make the repository {repository.restic.shown}"):
        repository.init()
    return []


def password_of(account: Account) -> str:
    """Return the password of this site's repositories, for people; nothing where there is none."""
    return (files.read_text(account.paths.site_secret(PASSWORD)) or "").strip()


def unreachable(place: str, error: ChainsawError) -> Diagnostic:
    """Return for a list of backups that a repository does not answer, and why."""
    found = error.diagnostics[0]
    return Diagnostic("no-place", f"it cannot be read: {found.message}", place, hint=found.hint, severity="warning")
