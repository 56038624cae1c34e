"""Runs the steps of a recipe's marker, which write some data and read it again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainsaw.compile.template import render
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files
from chainsaw.host.podman import Podman
from chainsaw.host.podman.placement import VolumeFile
from chainsaw.host.web import Answer, Asked, Front, first_lines, request
from chainsaw.model.deployment import Deployment
from chainsaw.model.serve import Put, Request, Run, Step

TIMEOUT = 60.0


@dataclass
class Player:
    """Runs steps against one instance.

    `context` are the names that its recipe's templates can use, `shell_image` is an image with a shell.
    """

    deployment: Deployment
    context: Mapping[str, Any]
    front: Front
    podman: Podman
    secret: Callable[[str], str]
    shell_image: str
    kept: dict[str, Any] = field(default_factory=dict)

    def play(self, steps: Sequence[Step], marker: str, kind: str = "write") -> None:
        """Run steps in order; raise ChainsawError with the problem of the first that fails. `kind` is write or read."""
        for index, step in enumerate(steps):
            where = f"marker.{kind}.{index}"
            names = {**self.context, **self.kept, "marker": marker}
            if step.request:
                self._request(step.request, names, where)
            if step.run:
                self._run(step.run, names, where)
            if step.put:
                self._put(step.put, names)

    def _request(self, step: Request, names: Mapping[str, Any], where: str) -> None:
        secrets = [item.key for item in self.deployment.secrets]
        names = {**names, "secret": {name: self.secret(name) for name in secrets}}
        headers = {name: self._text(value, names) for name, value in step.headers.items()}
        if step.user is not None:
            password = self.secret(step.secret) if step.secret else ""
            pair = f"{self._text(step.user, names)}:{password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        path = self.deployment.route.path + self._text(step.path, names).lstrip("/")
        body = None if step.body is None else self._text(step.body, names).encode()
        try:
            answer = request(self.front, Asked(self.deployment.route.host, path, step.method, headers, body), TIMEOUT)
        except OSError as error:
            raise _failed(where, f"{step.method} {path} is not answered: {error}") from error
        if answer.status != step.status:
            message = f"{step.method} {path} answers {answer.status}, not {step.status}:{answer.excerpt}"
            raise _failed(where, message)
        self._demand(step.contains, answer.text, names, where, f"{step.method} {path} answers {answer.status}, but")
        for name, value_at in step.keep.items():
            self.kept[name] = _picked(answer, value_at, where)

    def _run(self, step: Run, names: Mapping[str, Any], where: str) -> None:
        argv = [self._text(item, names) for item in step.command]
        outcome = self.podman.exec(f"{self.deployment.name}.{step.component}", argv)
        if outcome.code:
            raise _failed(where, f"{argv[0]} in {step.component} ended with {outcome.code}: {outcome.complaint}")
        self._demand(step.contains, outcome.text, names, where, f"{argv[0]} in {step.component} ends well, but")

    def _put(self, step: Put, names: Mapping[str, Any]) -> None:
        volume = next(item for item in self.deployment.volumes if item.name == step.volume)
        content = self._text(step.content, names).encode()
        if volume.ids is None:
            files.write_atomic(f"{volume.path}/{step.path}", content)
        else:
            assert self.deployment.block is not None
            place = VolumeFile(volume.path, step.path, volume.ids, self.deployment.block)
            self.podman.put_file(self.shell_image, place, content)

    def _demand(self, wanted: str | None, text: str, names: Mapping[str, Any], where: str, what: str) -> None:
        if wanted is not None and self._text(wanted, names) not in text:
            found = first_lines(text) or "\n  nothing at all"
            raise _failed(where, f"{what} without {self._text(wanted, names)!r}:{found}")

    def _text(self, text: str, names: Mapping[str, Any]) -> str:
        return render("marker", text, names, one_line_values=False) if "{" in text else text


def _picked(answer: Answer, value_at: str, where: str) -> Any:
    """Return the value of a JSON answer at a.b.0.c."""
    try:
        value = json.loads(answer.text)
        for part in value_at.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
    except (ValueError, KeyError, IndexError, TypeError):
        raise _failed(where, f"the answer has no {value_at}:{answer.excerpt}") from None
    return value


def _failed(where: str, message: str) -> ChainsawError:
    return ChainsawError(Diagnostic("marker", message, key=where))
