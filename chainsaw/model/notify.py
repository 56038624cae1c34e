"""How the admin writes where to be told of what changes: by mail, by a webhook, by a program of their own."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from chainsaw.model.base import Model
from chainsaw.model.names import Text, check_email
from chainsaw.model.secret import SecretName

ADMIN = "admin"
"""Stands for the address of `admin:`."""
_PROGRAM = re.compile(r"/.*[^/]|[^/~-][^/]*")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def check_addressee(value: str) -> str:
    """Return an e-mail address, or the word admin; raise ValueError otherwise."""
    return value if value == ADMIN else check_email(value)


def check_command(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return a program with its arguments; raise ValueError for one that depends on a directory or on a shell."""
    if value and not _PROGRAM.fullmatch(value[0]):
        raise ValueError("a program is written with its whole path, /home/admin/tell, or is a name such as logger")
    return value


Addressee = Annotated[str, AfterValidator(check_addressee)]
Addressees = Annotated[
    Annotated[Addressee, Tag("one")] | Annotated[tuple[Addressee, ...], Field(min_length=1), Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, list | tuple) else "one"),
]
Command = Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(check_command)]


class Webhook(Model):
    """An address to which a JSON document is posted."""

    url: SecretName = Field(description="Its https URL, as the name of a secret: who knows it may write there.")
    token: SecretName | None = Field(
        None, description="What it wants as Authorization: Bearer, as the name of a secret."
    )


class Notify(Model):
    """Where the admin is told of what changes; in several ways at once, if you like."""

    mail: Addressees | None = Field(
        None, description="An e-mail address, or a list; the word admin stands for yours. It needs a server in mail."
    )
    webhook: Webhook | None = Field(None, description="An address to which a JSON document is posted.")
    command: Command | None = Field(
        None, description="A program of yours, with its arguments as a list. It gets the text on its standard input."
    )
    weekly: Weekday | None = Field(
        None, description="The day on which there is a summary as well, at 8 in the morning: monday."
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Notify:
        if self.mail is None and self.webhook is None and self.command is None:
            raise ValueError("nobody would be told: it needs mail, webhook or command")
        return self

    @property
    def addressees(self) -> tuple[str, ...]:
        """To whom mail goes, each once; the word admin stands for the admin's address."""
        written: Any = self.mail or ()
        return tuple(dict.fromkeys((written,) if isinstance(written, str) else written))

    @property
    def secrets(self) -> dict[tuple[str, ...], str]:
        """The secrets that it names, by their place below notify."""
        found = {("webhook", name): getattr(self.webhook, name, None) for name in ("url", "token")}
        return {(*place, "secret"): item.secret for place, item in found.items() if item is not None}
