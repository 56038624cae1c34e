"""Mail: a socket in the instance's directory, connected to the mail server of the site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainsaw.compile.context import SHARED_DIRECTORY, Job
from chainsaw.compile.render_unit import unit_artifact
from chainsaw.model.artifact import Artifact
from chainsaw.model.deployment import SecretFile
from chainsaw.model.volume import Ids

SOCKET = f"{SHARED_DIRECTORY}/mail.sock"

LOOPBACK = {"localhost": "127.0.0.1"}
"""systemd-socket-proxyd(8) tries one address of a name, and few mail servers listen on ::1."""


def senders(job: Job) -> list[str]:
    """Return the components that send mail, if the site has a mail server for this instance."""
    return [name for name, item in sorted(job.bundle.recipe.components.items()) if item.mail] if job.mail else []


def mail_units(job: Job) -> Iterator[Artifact]:
    """Yield the socket that takes an instance's mail, and what forwards it; nothing where no mail is sent."""
    if job.mail is None or not senders(job):
        return
    place = f"{job.host.paths.instance(job.name)}/run/mail.sock"
    contexts: dict[str, dict[str, Any]] = {
        "socket": {"address": place},
        "service": {
            "target": f"{LOOPBACK.get(job.mail.host, job.mail.host)}:{job.mail.port}",
            "socket": f"app@{job.name}.mail.socket",
            "logs": job.host.paths.logs,
        },
    }
    for kind, context in contexts.items():
        path = f"units/app@{job.name}.mail.{kind}"
        words = {"title": job.title, "slice": job.slice, **context}
        yield unit_artifact(
            path, f"mail.{kind}.j2", words, shared=job.shared, host=job.host, origin=job.origin, owner=job.name
        )


def mail_secret(job: Job) -> SecretFile | None:
    """Return the copy of the site's password that an instance's components read."""
    if job.mail is None or job.mail.password is None or job.block is None or not senders(job):
        return None
    sender = job.bundle.recipe.components[senders(job)[0]]
    group = sender.user if sender.group is None else sender.group
    ids = Ids(uid=job.block.host_id(sender.user), gid=job.block.host_id(group))
    key = job.mail.password.secret
    source = job.host.paths.site_secret(key)
    return SecretFile(path=job.host.paths.secret(job.name, key), key=key, length=0, ids=ids, source=source)
