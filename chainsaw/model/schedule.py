"""When backups are made, where to, for whom they are encrypted, and how many are kept: the key backup."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from chainsaw.model.base import Model
from chainsaw.model.names import check_file_path

REPOSITORY = "restic:"
"""What the address of a restic repository begins with; whatever follows is restic's own."""
PASSWORD, ENVIRONMENT = "backup_password", "backup_environment"
"""Secrets of the site: the password of repositories, and lines NAME=VALUE for restic, such as AWS_ACCESS_KEY_ID=…."""
_RECIPIENT = re.compile(r"age1[a-z0-9]{58}")
_KINDS = re.compile(r"/\S+|(sftp|s3|rest|b2|azure|gs|swift|rclone):\S+")


def check_destination(value: str) -> str:
    """Return where backups go: an absolute directory, or restic: and a repository; raise ValueError otherwise."""
    if value.startswith(REPOSITORY):
        location = value.removeprefix(REPOSITORY)
        if not _KINDS.fullmatch(location):
            raise ValueError("a repository is restic:/srv/repository, restic:sftp:user@host:/srv/repository, or alike")
        if re.search(r"//[^/@]*:[^/@]*@", location):
            raise ValueError("no password in an address: chainsaw secret set backup_environment")
        return value
    if not value.startswith("/"):
        raise ValueError("a destination is a directory, /mnt/backups, or a repository, restic:/srv/repository")
    check_file_path(value.strip("/"))
    return value.rstrip("/")


def check_recipient(value: str) -> str:
    """Return the public part of a key of age(1); raise ValueError for the secret one and all else."""
    if not _RECIPIENT.fullmatch(value):
        raise ValueError("a recipient is the public part of a key, age1…; chainsaw backup key makes one")
    return value


Destination = Annotated[str, AfterValidator(check_destination)]
Recipient = Annotated[str, AfterValidator(check_recipient)]
Every = Literal["hourly", "daily", "weekly", "monthly", "never"]
DrillEvery = Literal["weekly", "monthly", "never"]
Count = Annotated[int, Field(ge=0, le=1000)]


class Keep(Model):
    """How many backups are kept: the newest of so many hours, days, weeks and months, and the last ones anyway."""

    last: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="The newest ones, whenever they were made.")
    hourly: Count = Field(0, description="The newest of each hour, for so many hours in which there is one.")
    daily: Count = Field(7, description="The newest of each day.")
    weekly: Count = Field(4, description="The newest of each week.")
    monthly: Count = Field(6, description="The newest of each month.")


class Schedule(Model):
    """The backups of one instance, or of all."""

    every: Every = Field("never", description="How often one is made by itself.")
    to: tuple[Destination, ...] = Field(
        (),
        description="Directories, such as /mnt/nas/backups; this host's own when left out, which dies with its disk.",
    )
    keep: Keep = Field(Keep(), description="How many are kept in each place; chainsaw never deletes the last good one.")
    drill: DrillEvery = Field(
        "never", description="How often the newest one is restored beside it, started and looked at."
    )
    recipients: tuple[Recipient, ...] = Field(
        (), description="For whom files are encrypted: the public parts of keys of age(1); chainsaw backup key."
    )

    def places(self, default: str) -> tuple[str, ...]:
        """Return where backups go; `default` is this host's own directory for them."""
        return self.to or (default,)
