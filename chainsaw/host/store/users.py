"""The users of the site on disk."""

from __future__ import annotations

from pydantic import ValidationError

from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import files
from chainsaw.model.paths import Paths
from chainsaw.model.users import Users


def read_users(paths: Paths) -> Users:
    """Return the users of the site; raise ChainsawError for a file that cannot be used."""
    text = files.read_text(paths.users_file)
    if text is None:
        return Users()
    try:
        return Users.model_validate_json(text)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        message = f"the users of the site cannot be read: {where}: {error.errors()[0]['msg']}"
        hint = f"what the login service uses: podman unshare cat {paths.users_copy}"
        raise ChainsawError(Diagnostic("users", message, paths.users_file, hint=hint), Exit.INVALID) from None


def as_bytes(users: Users) -> bytes:
    """Return the content of their file."""
    return (users.model_dump_json(indent=1) + "\n").encode()


def read_probe(paths: Paths) -> str:
    """Return the word with which chainsaw itself passes a login; nothing when there is none."""
    return (files.read_text(paths.probe_file) or "").strip()
