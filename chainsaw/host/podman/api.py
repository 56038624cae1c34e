"""Podman's API, used through its library, which is imported at the first call because the import is slow.

Sources: podman-py 5.4 (podman.domain) and the API's reference (docs.podman.io/en/v5.4.0/_static/api.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chainsaw.errors import ChainsawError, Diagnostic

if TYPE_CHECKING:
    from podman import PodmanClient

VERSION = "5.4.0"
"""Of the API; a newer library would ask for its own, which an older Podman does not have."""
TIMEOUT = 30
"""Seconds until the next piece of an answer."""
LABEL = "chainsaw.instance"
HEALTHS = ("healthy", "unhealthy", "starting")


class Api:
    """Information from Podman about images, containers, networks and volumes.

    Every method raises ChainsawError when the API does not answer, or refuses.
    """

    def __init__(self, socket: str) -> None:
        """Take the API's socket, an absolute path; nothing is connected yet."""
        self.socket = socket

    def declared_volumes(self, references: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return, for each image that the store has, the VOLUME paths that it declares."""
        found = self._images(references)
        return {
            reference: tuple((image.get("Config") or {}).get("Volumes") or ()) for reference, image in found.items()
        }

    def image_sizes(self, references: Iterable[str]) -> dict[str, int]:
        """Return the size of each image that the store has, all its layers counted, in bytes."""
        return {reference: int(image["Size"]) for reference, image in self._images(references).items()}

    def healths(self) -> dict[str, str]:
        """Return the health of each container whose health Podman asks: healthy, unhealthy or starting."""
        with self._client() as client:
            found = {item.name: item.attrs["Status"] for item in client.containers.list(all=True)}
        return {name: health for name, health in found.items() if health in HEALTHS}

    def labelled(self) -> dict[str, str]:
        """Return the instance of each container that is of one, by the container's name."""
        with self._client() as client:
            found = {item.name: item.labels.get(LABEL) for item in client.containers.list(all=True)}
        return {name: instance for name, instance in found.items() if instance}

    def containers(self) -> list[str]:
        """Return the names of all containers, those that do not run included."""
        with self._client() as client:
            return sorted(item.name for item in client.containers.list(all=True))

    def networks(self) -> list[str]:
        """Return the names of all networks."""
        with self._client() as client:
            return sorted(item.name for item in client.networks.list())

    def volumes(self) -> list[str]:
        """Return the names of all volumes that Podman manages."""
        with self._client() as client:
            return sorted(item.name for item in client.volumes.list())

    def running(self, prefix: str) -> list[dict[str, Any]]:
        """Return all that Podman knows of each running container whose name begins so (podman-inspect(1))."""
        with self._client() as client:
            names = [item.name for item in client.containers.list() if item.name.startswith(prefix)]
            found = [_attributes(client.containers.get, name) for name in names]
        return [item for item in found if item is not None]

    def last_check(self, container: str) -> tuple[str, str] | None:
        """Return the health of a container and what its last check printed; None where Podman does not ask."""
        with self._client() as client:
            details = _attributes(client.containers.get, container) or {}
        health = details.get("State", {}).get("Health") or {}
        if health.get("Status") not in HEALTHS:
            return None
        log = health.get("Log") or [{}]
        return health["Status"], str(log[-1].get("Output") or "").strip()

    def check(self, container: str, argv: Sequence[str]) -> tuple[bool, str]:
        """Run a program in a running container; return whether all is well, and what it printed, errors last."""
        with self._client() as client:
            ended: Any = client.containers.get(container).exec_run(list(argv), demux=True)
        code, (out, err) = ended
        return code == 0, ((out or b"") + (err or b"")).decode(errors="replace").strip()

    def _images(self, references: Iterable[str]) -> dict[str, dict[str, Any]]:
        with self._client() as client:
            found = {reference: _attributes(client.images.get, reference) for reference in references}
        return {reference: image for reference, image in found.items() if image is not None}

    @contextmanager
    def _client(self) -> Iterator[PodmanClient]:
        from podman import PodmanClient
        from podman.errors import PodmanError

        try:
            # podman-py raises AttributeError for an unreadable containers.conf; only here is the cause certain.
            client = PodmanClient(base_url=f"http+unix://{self.socket}", version=VERSION, timeout=TIMEOUT)
        except (AttributeError, OSError, ValueError) as error:
            raise ChainsawError(_silent(error)) from error
        try:
            with client:
                yield client
        except (OSError, ValueError, PodmanError) as error:
            raise ChainsawError(_silent(error)) from error


def _attributes(get: Callable[[str], Any], name: str) -> dict[str, Any] | None:
    """Return the attributes of an object in the API, None when it does not exist."""
    from podman.errors import ImageNotFound, NotFound

    try:
        return dict(get(name).attrs)
    except (ImageNotFound, NotFound):
        return None


def _silent(error: Exception) -> Diagnostic:
    """Return the problem with the message of the innermost error: the library wraps it several times."""
    reason: BaseException = error
    if getattr(error, "response", None) is None:
        while reason.__context__ is not None and type(reason).__module__ != "builtins":
            reason = reason.__context__
    hint = "systemctl --user restart podman.socket"
    return Diagnostic("podman-silent", f"Podman's API does not answer: {reason}", hint=hint)
