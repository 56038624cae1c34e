"""What is said of backups in the files of the site and of an instance, as they are applied."""

from __future__ import annotations

from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.site import load_instance
from chainsaw.model.artifact import intent_path
from chainsaw.model.schedule import Schedule
from chainsaw.model.site import schedule_of
from chainsaw.work.config.applied import applied_site

NONE = Schedule()


def applied_schedule(account: Account, name: str) -> Schedule:
    """Return when and where an instance is backed up: as its own file says, or else as the site's does.

    For whom files are encrypted is the site's to say where the instance says nothing of it.
    """
    site, place = applied_site(account.paths), intent_path(name)
    text = files.read_text(f"{account.paths.current}/{place}")
    if text is None:
        return site.backup or NONE
    found = schedule_of(site, load_instance(place, text).instance)
    recipients = found.recipients or (site.backup or NONE).recipients
    return found.model_copy(update={"recipients": recipients})
