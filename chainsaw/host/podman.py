"""The one door to Podman: its API where that has the call, the program where it has not."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import files, process
from chainsaw.host.api import Api
from chainsaw.model.block import SIZE, Range, intermediate
from chainsaw.model.volume import Ids

PODMAN = ["podman", "--events-backend=none"]
LABEL = "chainsaw.instance"
HEALTHS = ("healthy", "unhealthy", "starting")
UNPACK = [*PODMAN, "unshare", "tar", "-x", "-p", "--same-owner", "--numeric-owner"]


@dataclass(frozen=True)
class Placement:
    """A directory, with what it is seeded with, or a file with its content, that belongs to ids of a block."""

    path: str
    mode: int
    ids: Ids
    content: bytes | None = None
    seed: Mapping[str, bytes] = field(default_factory=dict)


class Podman:
    """Rootless Podman of the admin; `uids` and `gids` are the admin's subordinate ranges."""

    def __init__(self, runtime: str, uids: Sequence[Range], gids: Sequence[Range]) -> None:
        """Take the runtime directory (XDG_RUNTIME_DIR), where the API's socket is."""
        self.api = Api(f"{runtime}/podman/podman.sock")
        self.uids, self.gids = uids, gids

    def declared_volumes(self, references: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return, for each image that the store has, the VOLUME paths that it declares."""
        found: dict[str, tuple[str, ...]] = {}
        for reference in references:
            details = self.api.get(f"/images/{reference}/json")
            if details is not None:
                found[reference] = tuple((details.get("Config") or {}).get("Volumes") or ())
        return found

    def healths(self) -> dict[str, str]:
        """Return the health of each container whose health Podman asks: healthy, unhealthy or starting."""
        found = {item["Names"][0]: item["Status"] for item in self.api.get("/containers/json?all=true") or ()}
        return {name: health for name, health in found.items() if health in HEALTHS}

    def labelled(self) -> dict[str, str]:
        """Return the instance of each container that is of one, by the container's name."""
        found = self.api.get("/containers/json?all=true") or ()
        labels = {item["Names"][0]: (item.get("Labels") or {}).get(LABEL) for item in found}
        return {name: instance for name, instance in labels.items() if instance}

    def networks(self) -> list[str]:
        """Return the names of all networks."""
        return sorted(item["name"] for item in self.api.get("/networks/json") or ())

    def last_check(self, container: str) -> tuple[str, str] | None:
        """Return the health of a container and what its last check printed; None where Podman does not ask."""
        details = self.api.get(f"/containers/{container}/json") or {}
        health = details.get("State", {}).get("Health") or {}
        if health.get("Status") not in HEALTHS:
            return None
        log = health.get("Log") or [{}]
        return health["Status"], str(log[-1].get("Output") or "").strip()

    def image_sizes(self, references: Iterable[str]) -> dict[str, int]:
        """Return the size of each image that the store has, all its layers counted, in bytes."""
        found = {reference: self.api.get(f"/images/{reference}/json") for reference in references}
        return {reference: int(details["Size"]) for reference, details in found.items() if details is not None}

    def remove_images(self, references: Sequence[str]) -> None:
        """Remove images; one that a container still uses stays."""
        if references:
            process.run([*PODMAN, "image", "rm", "--ignore", *references], check=False)

    def build(self, reference: str, context: Mapping[str, bytes], base: str, report: Callable[[str], None]) -> None:
        """Build an image from a context and the reference for its ARG BASE; report each step's line."""
        with tempfile.TemporaryDirectory(prefix="chainsaw-build-") as directory:
            for path, content in context.items():
                target = Path(directory, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                target.chmod(0o755 if content.startswith(b"#!") else 0o644)
            process.follow(
                [*PODMAN, "build", "--squash", "--build-arg", f"BASE={base}", "--tag", reference, directory],
                lambda line: report(line) if line.startswith("STEP") else None,
            )

    def pull(self, reference: str) -> None:
        """Pull an image."""
        process.follow([*PODMAN, "pull", reference], lambda line: None)

    def place(self, items: Sequence[Placement]) -> None:
        """Make directories and files that belong to ids of a block, all in one process, each complete or not at all.

        Content travels by standard input as a tar archive, never in argv. Everything is first made beside its place and
        then renamed, for which the directories above it must be the admin's own.
        """
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for item in items:
                self._add(tar, item)
        process.run([*UNPACK, "-C", "/", "-f", "-"], stdin=archive.getvalue())
        for item in items:
            if item.content is None and files.exists(item.path):
                continue
            files.rename(f"{item.path}.partial", item.path)

    def check(self, container: str, argv: Sequence[str]) -> tuple[bool, str]:
        """Run a program in a container over the API; return whether all is well, and what it printed."""
        code, said = self.api.run(container, argv)
        return code == 0, said

    def _add(self, tar: tarfile.TarFile, item: Placement) -> None:
        base = f"{item.path}.partial".lstrip("/")
        if item.content is not None:
            self._member(tar, base, item, item.content)
            return
        self._member(tar, base, item, None)
        folders = {str(parent) for path in item.seed for parent in PurePosixPath(path).parents if str(parent) != "."}
        for folder in sorted(folders):
            self._member(tar, f"{base}/{folder}", item, None)
        for path, content in item.seed.items():
            self._member(tar, f"{base}/{path}", item, content)

    def _member(self, tar: tarfile.TarFile, name: str, item: Placement, content: bytes | None) -> None:
        info = tarfile.TarInfo(name)
        info.uid = intermediate(self.uids, item.ids.uid)
        info.gid = intermediate(self.gids, item.ids.gid)
        info.mtime = time.time()
        if content is None:
            info.type, info.mode = tarfile.DIRTYPE, item.mode
            tar.addfile(info)
            return
        info.size = len(content)
        info.mode = item.mode if item.content is not None else 0o644
        tar.addfile(info, io.BytesIO(content))

    def put_file(self, path: str, content: bytes, ids: Ids) -> None:
        """Write a file into a directory of a block's, as its owner would."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            self._member(tar, path.lstrip("/"), Placement(path, 0o644, ids, content), content)
        process.run([*UNPACK, "-C", "/", "-f", "-"], stdin=archive.getvalue())

    def remove_trees(self, paths: Sequence[str]) -> None:
        """Remove directories with everything in them, whoever of the admin's blocks it belongs to."""
        present = [path for path in paths if files.exists(path)]
        if present:
            process.run([*PODMAN, "unshare", "rm", "-rf", "--", *present])

    def read_files(self, paths: Sequence[str]) -> bytes:
        """Return the contents of files one after the other, whoever owns them; those not there are left out."""
        return process.run([*PODMAN, "unshare", "cat", "--", *paths], check=False).out if paths else b""

    def remove_networks(self, names: Sequence[str]) -> None:
        """Remove networks whose unit is stopped; before Podman 5.5 no unit does it (NetworkDeleteOnStop=)."""
        if names:
            process.run([*PODMAN, "network", "rm", "--force", *names], check=False)

    def read_file(self, path: str) -> bytes:
        """Return a file that belongs to a block."""
        return process.run([*PODMAN, "unshare", "cat", path]).out

    def export_static(self, reference: str, root: str, scripts: Sequence[str], target: str, block: int) -> None:
        """Export a document root from an image, links resolved inside the image, scripts as empty files.

        Empty scripts let the front see that a script exists without having its text. The image's own tar runs under the
        instance's ids, without a network and without a capability.
        """
        files.remove_tree(target)
        files.make_directory(target)
        argv = [
            *PODMAN, "run", "--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=all", "--user=0",
            "--security-opt=no-new-privileges", "--log-driver=none",
            f"--uidmap=0:@{block}:{SIZE}", f"--gidmap=0:@{block}:{SIZE}",
            "--entrypoint=tar", reference, "-C", root, "--hard-dereference", "-chf", "-", ".",
        ]  # fmt: skip
        # tar ends with 1 for a link that leads nowhere (tar(1), RETURN VALUE); such a file is left out.
        process.pipe(argv, lambda stream: _unpack(stream, target, tuple(scripts)), accepted=(0, 1))

    def exec(
        self, container: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> process.Outcome:
        """Run a program in a running container and return its outcome."""
        options = [item for key, value in (env or {}).items() for item in ("--env", f"{key}={value}")]
        options += ["--interactive"] if stdin is not None else []
        return process.run([*PODMAN, "exec", *options, container, *argv], stdin=stdin or b"", check=False)

    def run_once(
        self, reference: str, argv: Sequence[str], *, mounts: Sequence[str], block: int, options: Sequence[str] = ()
    ) -> process.Outcome:
        """Run a program in a fresh container of an image, under a block's ids and without a network."""
        volumes = [item for mount in mounts for item in ("--volume", mount)]
        return process.run(
            [
                *PODMAN, "run", "--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=all",
                "--log-driver=none", f"--uidmap=0:@{block}:{SIZE}", f"--gidmap=0:@{block}:{SIZE}",
                *options, *volumes, reference, *argv,
            ],
            check=False,
        )  # fmt: skip


def _unpack(stream: IO[bytes], target: str, scripts: tuple[str, ...]) -> None:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            path = os.path.normpath(member.name)
            if path.startswith(("/", "..")):
                raise ChainsawError(Diagnostic("static-path", f"the image's archive leaves its root: {member.name}"))
            place = Path(target, path)
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.isfile():
                _place(archive, member, place, scripts)


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path, scripts: tuple[str, ...]) -> None:
    content = archive.extractfile(member)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        if content is not None and not place.name.endswith(scripts):
            while chunk := content.read(1 << 20):
                file.write(chunk)
    place.chmod(0o644)
