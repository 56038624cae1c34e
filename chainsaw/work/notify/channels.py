"""The channels of a site: each hands a message on, and returns what the other side answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import command, files, letter, webhook
from chainsaw.host.account import Account
from chainsaw.model.notify import ADMIN, Notify
from chainsaw.model.secret import SecretName
from chainsaw.model.site import Mail, Site
from chainsaw.work.notify.message import Message, one_line
from chainsaw.work.parallel import answers

PATIENCE = 90.0
"""Seconds for all channels, which are used at the same time."""
HIDDEN = "(not shown)"


@dataclass(frozen=True)
class Channel:
    """One way to tell the admin; its name is a promise, since what it was told is recorded by it."""

    name: str
    send: Callable[[Message], str]


@dataclass(frozen=True)
class Sent:
    """What came of a message: what was answered, or the problem if it was not taken."""

    answer: str = ""
    problem: Diagnostic | None = None


def channels_of(account: Account, site: Site) -> tuple[Channel, ...]:
    """Return the channels of a site: one for each addressee, for the webhook, and for the command."""
    wanted = site.notify
    if wanted is None:
        return ()
    found = [] if site.mail is None else list(_mail(account, site, site.mail, wanted))
    if hook := wanted.webhook:
        send = partial(_post, account, hook.url, hook.token)
        found.append(Channel(f"webhook {hook.url.secret}", send))
    if argv := wanted.command:
        found.append(Channel(f"command {argv[0]}", partial(_run, account, argv)))
    return tuple(found)


def deliver(channels: Sequence[Channel], messages: Mapping[str, Message]) -> dict[str, Sent]:
    """Send each channel its message, to all at the same time; return what came of it by name."""
    calls = {item.name: partial(_sent, item, messages[item.name]) for item in channels if item.name in messages}
    found = answers(calls, PATIENCE)()
    late = Diagnostic("not-sent", f"no answer within {PATIENCE:g} s")
    return {name: found.get(name, Sent(problem=replace(late, message=f"{name}: {late.message}"))) for name in calls}


def _sent(channel: Channel, message: Message) -> Sent:
    try:
        return Sent(answer=one_line(channel.send(message)))
    except ChainsawError as error:
        item = error.diagnostics[0]
        return Sent(problem=replace(item, message=f"{channel.name}: {one_line(item.message)}"))
    except (OSError, ValueError) as error:
        return Sent(problem=Diagnostic("not-sent", f"{channel.name}: {one_line(_said(error))}"))


def _mail(account: Account, site: Site, mail: Mail, wanted: Notify) -> list[Channel]:
    own = site.admin.email if site.admin else ""
    addresses = dict.fromkeys(own if one == ADMIN else one for one in wanted.addressees)
    send = partial(_write, account, mail, mail.sender or own)
    return [Channel(f"mail to {address}", partial(send, address)) for address in addresses]


def _write(account: Account, mail: Mail, sender: str, to: str, message: Message) -> str:
    password = _secret(account, mail.password) if mail.password else None
    server = letter.Server(mail.host, mail.port, mail.tls, mail.user or "", password)
    return _without(
        (password,), partial(letter.hand_in, server, letter.Letter(sender, to, message.subject, message.text))
    )


def _post(account: Account, url: SecretName, token: SecretName | None, message: Message) -> str:
    hook = webhook.Hook(_secret(account, url), _secret(account, token) if token else "")
    try:
        parts = webhook.check_url(hook.url)
    except ValueError as error:
        hint = f"chainsaw secret set {url.secret}"
        raise ChainsawError(Diagnostic("not-sent", f"the secret {url.secret} {error}", hint=hint)) from None
    hidden = (hook.url, parts.path if parts.path != "/" else None, parts.query, hook.token)
    return _without(hidden, partial(webhook.post, hook, message.document()))


def _without(hidden: Sequence[str | None], send: Callable[[], str]) -> str:
    """Return what was answered without the values that are `hidden`; an OSError comes without them, too."""
    try:
        return _hide(hidden, send())
    except (OSError, ValueError) as error:
        raise OSError(_hide(hidden, _said(error))) from None


def _said(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _hide(hidden: Sequence[str | None], text: str) -> str:
    for value in hidden:
        text = text.replace(value, HIDDEN) if value else text
    return text


def _run(account: Account, argv: Sequence[str], message: Message) -> str:
    variables = {
        "CHAINSAW_KIND": message.kind,
        "CHAINSAW_STATE": message.state,
        "CHAINSAW_SUBJECT": message.subject,
        "CHAINSAW_HOST": message.host,
    }
    return command.hand_to(account, argv, message.text, variables)


def _secret(account: Account, name: SecretName) -> str:
    value = files.read_text(account.paths.site_secret(name.secret))
    if value is None:
        message, hint = f"the secret {name.secret} is not set", f"chainsaw secret set {name.secret}"
        raise ChainsawError(Diagnostic("no-site-secret", message, "site.yaml", hint=hint))
    return value
