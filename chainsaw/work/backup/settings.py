"""What is said of backups in the files of the site and of an instance, as they are applied."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.site import load_instance
from chainsaw.model.artifact import intent_path
from chainsaw.model.schedule import Schedule
from chainsaw.work.config.applied import applied_site

NONE = Schedule()


def schedule_of(account: Account, name: str) -> Schedule:
    """Return when and where an instance is backed up: as its own file says, or else as the site's does.

    For whom files are encrypted is the site's to say where the instance says nothing of it.
    """
    site = applied_site(account.paths).backup or NONE
    place = intent_path(name)
    text = files.read_text(f"{account.paths.current}/{place}")
    own = load_instance(place, text).instance.backup if text is not None else None
    if own is None:
        return site
    return own if own.recipients else own.model_copy(update={"recipients": site.recipients})
