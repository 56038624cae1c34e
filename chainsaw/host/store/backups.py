"""What this host remembers of backups, and its name among other sites."""

from __future__ import annotations

import json

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.model.backup import BackupRecord
from chainsaw.model.paths import Paths

ID = 16


def read_backups(paths: Paths, name: str) -> BackupRecord:
    """Return the record of an instance's backups; an empty one where there is none, or where it cannot be read."""
    return known_backups(paths, name) or BackupRecord()


def recorded_names(paths: Paths) -> list[str]:
    """Return the instances of whose backups something is remembered, also those that were removed and not purged."""
    directory = paths.backup_record("").rpartition("/")[0]
    return sorted(name.removesuffix(".json") for name in files.list_directory(directory) if name.endswith(".json"))


def known_backups(paths: Paths, name: str) -> BackupRecord | None:
    """Return the record of an instance's backups, an empty one where there is none; None where it cannot be read."""
    try:
        text = files.read_text(paths.backup_record(name))
        return BackupRecord() if text is None else BackupRecord.model_validate_json(text)
    except (ChainsawError, ValidationError):
        return None


def write_backups(paths: Paths, name: str, record: BackupRecord) -> None:
    """Write the record of an instance's backups."""
    place = paths.backup_record(name)
    files.make_directory(place.rpartition("/")[0], 0o700)
    files.write_atomic(place, (record.model_dump_json(indent=1) + "\n").encode(), 0o600)


def site_id(paths: Paths) -> str:
    """Return the name of this site among those that keep backups in the same place; it is made on first use."""
    text = files.read_text(paths.site_id)
    if text is None:
        content = json.dumps({"format": 1, "id": files.random_text(ID)}) + "\n"
        files.create_file(paths.site_id, content.encode(), 0o600)
        text = files.read_text(paths.site_id) or ""
    try:
        return str(json.loads(text)["id"])
    except (ValueError, KeyError, TypeError):
        hint = f"rm {paths.site_id}: this site's backups in shared places are those of another one then"
        raise ChainsawError(
            Diagnostic("record", "not a record of this site's name", paths.site_id, hint=hint)
        ) from None
