"""The authorizations of an order: each name is shown to be ours by a challenge that this host can meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from chainsaw.host.acme.challenge import Challenger
from chainsaw.host.acme.failure import AcmeError, kind_of, plain, said_of
from chainsaw.host.acme.network import translated
from chainsaw.host.acme.polling import Deadline
from chainsaw.host.acme.session import Session
from chainsaw.model.renewal import Kind, Said

Challengers = Mapping[str, Challenger] | Sequence[Challenger]
"""How names are shown to be ours: one way for each name, or the ways for all of them, the preferred one first."""


@dataclass(frozen=True)
class _Task:
    """One challenge to meet: of which authorization, and what the library knows of it."""

    url: str
    name: str
    challenger: Challenger
    challenge: Any
    answer: str

    def present(self) -> None:
        self.challenger.present(self.name, self.challenge.chall.encode("token"), self.answer)

    def remove(self) -> None:
        self.challenger.remove(self.name, self.challenge.chall.encode("token"), self.answer)


def authorize(session: Session, urls: Sequence[str], challengers: Challengers, deadline: Deadline) -> None:
    """Have every authorization decided, by meeting one challenge of each that is open.

    Raise AcmeError with what the authority said of each name that it refused.
    """
    found = [(url, _read(session, url)) for url in urls]
    _refuse_failed([state for _, state in found])
    tasks = [_task(session, url, state, challengers) for url, state in found if state.status.name == "pending"]
    with _presented(session, tasks):
        for task in tasks:
            if task.challenge.status.name == "pending":
                # After a crash it may be answered already.
                session.post(task.challenge.uri, task.challenge.chall.response(session.key))
        decided = [deadline.poll(task.name, partial(_read, session, task.url), _is_decided) for task in tasks]
    _refuse_failed(decided)


def clean_up(session: Session, urls: Sequence[str], challengers: Challengers) -> None:
    """Remove what a run that was killed had shown for some authorizations; what fails of it is progress alone."""
    for url in urls:
        try:
            _remove(session, [_task(session, url, _read(session, url), challengers)])
        except AcmeError as error:
            session.progress(f"what was shown before could not be looked up: {error}")


@contextmanager
def _presented(session: Session, tasks: list[_Task]) -> Iterator[None]:
    """Show what the authority looks for, and take it away at the end whatever happens."""
    shown: list[_Task] = []
    try:
        for task in tasks:
            session.progress(f"{task.name}: {task.challenger.kind}")
            shown.append(task)
            task.present()
        for challenger in {id(task.challenger): task.challenger for task in tasks}.values():
            challenger.settle()
        yield
    finally:
        _remove(session, shown)


def _remove(session: Session, tasks: list[_Task]) -> None:
    for task in tasks:
        try:
            task.remove()
        except AcmeError as error:
            session.progress(f"{task.name}: what was shown could not be removed: {error}")


def _read(session: Session, url: str) -> Any:
    from acme import messages

    answer = session.post(url, None)
    with translated(session.client.net):
        state = messages.Authorization.from_json(answer.json())
        if state.identifier is None or state.status is None:
            raise AcmeError(Kind.SERVER, "the authority sent an authorization of no name, or without a status")
        return state


def _is_decided(state: Any) -> bool:
    return str(state.status.name) != "pending"


def _task(session: Session, url: str, state: Any, challengers: Challengers) -> _Task:
    name = plain(state.identifier.value, 260)
    usable = _usable(name, challengers)
    offered = {challenge.chall.typ: challenge for challenge in state.challenges if hasattr(challenge.chall, "token")}
    for challenger in usable:
        challenge = offered.get(challenger.kind)
        if challenge is not None:
            return _Task(url, name, challenger, challenge, challenge.chall.key_authorization(session.key))
    ways = ", ".join(plain(item, 40) for item in sorted(offered)) or "none that is known"
    own = ", ".join(item.kind for item in usable) or "none"
    text = f"the authority offers the challenges {ways}; set up for this name: {own}"
    raise AcmeError(Kind.SETTINGS, [Said(text=text, identifier=name)])


def _usable(name: str, challengers: Challengers) -> list[Challenger]:
    if isinstance(challengers, Mapping):
        # The identifier of *.example.org is example.org (RFC 8555, 7.1.4).
        found = challengers.get(name) or challengers.get(f"*.{name}")
        return [found] if found is not None else []
    return list(challengers)


def _refuse_failed(states: Sequence[Any]) -> None:
    """Raise AcmeError when an authorization is neither valid nor open, with what each challenge failed of."""
    said: list[Said] = []
    codes: list[str] = []
    for state in states:
        if state.status.name in ("valid", "pending"):
            continue
        name = plain(state.identifier.value, 260)
        problems = [challenge.error for challenge in state.challenges or () if challenge.error is not None]
        codes += [str(problem.typ or "").rpartition(":")[2] for problem in problems]
        said += [item for problem in problems for item in said_of(problem, name)]
        if not problems:
            said.append(Said(text=f"the authorization is {state.status.name}", identifier=name))
    if said:
        first = codes[0] if codes else "unauthorized"
        raise AcmeError(kind_of(first, 403), said, error_type=plain(first, 60), status=403)
