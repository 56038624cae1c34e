"""Mail to the admin, handed to the mail server of the site (RFC 5321, smtplib)."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate, make_msgid

PATIENCE = 20.0
"""Seconds for each answer of the server."""
SELF = "localhost"
"""What this host calls itself, as the applications do: smtplib would ask the resolver, and may wait for it."""


@dataclass(frozen=True)
class Server:
    """A mail server; `tls` is starttls, tls or none, `password` None for no login."""

    host: str
    port: int
    tls: str
    user: str = ""
    password: str | None = None


@dataclass(frozen=True)
class Letter:
    """A letter; the subject is one line."""

    sender: str
    to: str
    subject: str
    text: str

    def encoded(self) -> bytes:
        """Return it as it is sent, with headers that keep other programs from answering it (RFC 3834, 5)."""
        message = EmailMessage(policy=WIRE)
        message["From"], message["To"], message["Subject"] = self.sender, self.to, self.subject
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        return message.as_bytes()


def hand_in(server: Server, letter: Letter) -> str:
    """Return what the server answered when it took a letter; raise OSError, with what it said, when it did not."""
    content = letter.encoded()
    try:
        session = _connected(server)
        try:
            if server.password is not None:
                session.login(server.user, server.password)
            _expect(session.mail(letter.sender), 250)
            _expect(session.rcpt(letter.to), 250, 251)
            taken = _expect(session.data(content), 250)
            with suppress(smtplib.SMTPException):
                # It has the letter, whatever it says now.
                session.quit()
            return taken
        finally:
            session.close()
    except OSError as error:
        raise OSError(f"{server.host}:{server.port}: {_said(error)}") from None


def _said(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    return error.strerror or str(error) or type(error).__name__


def _connected(server: Server) -> smtplib.SMTP:
    """Return a session with a server; one whose certificate is not for its name gets neither mail nor password."""
    trusted = ssl.create_default_context() if server.tls != "none" else None
    if server.tls == "tls":
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=PATIENCE, context=trusted, local_hostname=SELF
        )
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=PATIENCE, local_hostname=SELF)
    try:
        session.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            session.starttls(context=trusted)
            session.ehlo()
    except BaseException:
        session.close()
        raise
    return session


def _expect(answer: tuple[int, bytes], *codes: int) -> str:
    code, text = answer
    said = f"{code} {text.decode(errors='replace')}"
    if code not in codes:
        raise OSError(said)
    return said
