"""What only programs can do: Podman's API has no user namespace, no id map for one command, no batch that skips errors.

Building and pulling report their progress line by line.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import copier, disk, files, process
from chainsaw.host.podman import seclusion, storage
from chainsaw.host.podman.namespace import FURTHER, is_restricted, namespace
from chainsaw.host.podman.placement import Placement, VolumeFile, pack
from chainsaw.host.podman.unpack import unpack
from chainsaw.model.block import SIZE, Range, intermediate
from chainsaw.model.names import check_file_path

PODMAN = ["podman", "--events-backend=none"]
UNPACK = ["tar", "-x", "-p", "--same-owner", "--numeric-owner"]
OF_PODMAN = (".local/share/containers", ".config/containers", ".docker")
"""What Podman needs of the admin's home: its store, its settings, and logins of registries."""
LONGEST, EXPORTED = 3600, 600
"""Seconds that a build or a pull may take, and the export of static files."""
MEMORY = 2**30
"""Bytes that a program which converts something may take."""
GENERATORS = ("/usr/lib/systemd/user-generators/podman-user-generator", "/usr/libexec/podman/quadlet")
"""Where Podman's generator is, which makes systemd's units of quadlets (podman-systemd.unit(5))."""


class Program:
    """Calls of the program `podman`.

    Every method raises ChainsawError when the process fails, unless its docstring says otherwise.
    """

    def __init__(self, uids: Sequence[Range], gids: Sequence[Range]) -> None:
        """Take the admin's subordinate ranges."""
        self.uids, self.gids = uids, gids

    def enter(self) -> list[str]:
        """Return the words before a program that run it as root of a user namespace with the ids of Podman's own.

        unshare(1) takes 5 ms for it; podman-unshare(1), which sets storage up as well, takes more than 50. But where
        AppArmor restricts user namespaces to known programs, as on Ubuntu, Podman is one and unshare is not.
        """
        return [*PODMAN, "unshare"] if is_restricted() else namespace(self.uids, self.gids)

    def enter_block(self, block: int) -> list[str]:
        """Return the words before a program that run it as the admin, 65536, behind the ids of a block, from 0 on.

        It may do all there; and it has a mount namespace of its own, too.
        """
        words = ["unshare", "--user", "--mount", "--keep-caps"]
        inner = is_restricted()
        for kind, own, ranges in (("users", os.getuid(), self.uids), ("groups", os.getgid(), self.gids)):
            first, admin = (intermediate(ranges, block), 0) if inner else (block, own)
            words += [f"--map-{kind}=0:{first}:{SIZE}", f"--map-{kind}={SIZE}:{admin}:1"]
        return [*(self.enter() if inner else []), *words]

    def _away(self, work: str) -> list[str]:
        """Return the words before Podman that run it where nothing of this host is; `work` is outside of home.

        It has a network of its own, see seclusion.py, of the home only Podman's directories, and the first 65,536 ids
        of the admin, which are never an instance's. Where there is no such range, or AppArmor restricts user
        namespaces, it has Podman's own ids.
        """
        home = os.path.expanduser("~")
        kept = [f"{home}/{name}" for name in OF_PODMAN]
        graph = process.run([*PODMAN, "info", "--format", "{{.Store.GraphRoot}}"]).text
        kept += [graph] if graph.startswith(f"{home}/") and not graph.startswith(f"{kept[0]}/") else []
        ended = ["timeout", "--foreground", "--kill-after=30", str(LONGEST)]
        secluded = [sys.executable, "-I", seclusion.__file__, work, home, *kept, "--", *ended, "env", f"TMPDIR={work}"]
        first = [next((item for item in ranges if item.count == SIZE), None) for ranges in (self.uids, self.gids)]
        if is_restricted() or first[0] is None or first[1] is None:
            return [*PODMAN, "unshare", *secluded]
        # Podman tells by these that the namespace is made already (podman-unshare(1) sets them).
        made = ["_CONTAINERS_USERNS_CONFIGURED=done", f"_CONTAINERS_ROOTLESS_UID={os.getuid()}"]
        made.append(f"_CONTAINERS_ROOTLESS_GID={os.getgid()}")
        return [*namespace([first[0]], [first[1]], "--mount"), *secluded, *made, *FURTHER]

    def _follow_away(self, argv: Sequence[str], line: Callable[[str], None], context: Mapping[str, bytes]) -> None:
        """Run Podman away from this host, in a directory of its own with a context; pass on each line."""
        with _work_directory(self) as work:
            for path, content in context.items():
                target = Path(work, "context", check_file_path(path))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                target.chmod(0o755 if content.startswith(b"#!") else 0o644)
            process.follow([*PODMAN, *argv, *([f"{work}/context"] if context else [])], line, self._away(work))

    def remove_images(self, references: Sequence[str]) -> None:
        """Remove images; one that a container still uses stays."""
        if references:
            process.run([*PODMAN, "image", "rm", "--ignore", *references], check=False)

    def build(self, reference: str, context: Mapping[str, bytes], base: str, report: Callable[[str], None]) -> None:
        """Build an image from a context and the reference for its ARG BASE; report each step's line.

        Whatever its Containerfile says, Podman fetches and runs it away from this host.
        """
        # The network that is the host's for Podman is the one that it has there.
        options = ["--squash", "--network=host", "--build-arg", f"BASE={base}", "--tag", reference]
        self._follow_away(["build", *options], lambda line: report(line) if line.startswith("STEP") else None, context)

    def pull(self, reference: str) -> None:
        """Pull an image, from anywhere but this host."""
        self._follow_away(["pull", reference], lambda line: None, {})

    def place(self, items: Sequence[Placement]) -> None:
        """Make directories and files that belong to ids of a block, all in one process, each complete or not at all.

        Content is passed on standard input as a tar archive, never in argv. Everything is first written under another
        name and then renamed, so the directories above must be owned by the admin.
        """
        process.run(
            [*UNPACK, "-C", "/", "-f", "-"], within=self.enter(), stdin=pack(items, self.uids, self.gids, files.PARTIAL)
        )
        made = [item for item in items if item.content is not None or not files.exists(item.path)]
        files.publish(*((f"{item.path}{files.PARTIAL}", item.path) for item in made))

    def put_file(self, reference: str, place: VolumeFile, content: bytes) -> None:
        """Write a file into a volume, as the application would, in a fresh container of an image that has a shell.

        Nothing but the volume is mounted there, so a link that the application has made leads nowhere.
        """
        user = f"--user={place.ids.uid - place.block}:{place.ids.gid - place.block}"
        argv = ["-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', f"/volume/{check_file_path(place.path)}"]
        outcome = self.run_once(
            reference, argv, mounts=[f"{place.volume}:/volume"], block=place.block,
            options=["--entrypoint=/bin/sh", user], stdin=content,
        )  # fmt: skip
        if outcome.code:
            message = f"cannot be written by the application: {outcome.complaint}"
            raise ChainsawError(Diagnostic("unwritable", message, f"{place.volume}/{place.path}"))

    def remove_trees(self, paths: Sequence[str]) -> None:
        """Remove directories with everything in them, whichever block of the admin owns it."""
        present = [path for path in paths if files.exists(path)]
        if present:
            process.run(["rm", "-rf", "--", *present], within=self.enter())
            # The removal must be on the disk before their ids are given to another instance.
            disk.sync_file_system(os.path.dirname(present[0]))

    def empty_directory(self, path: str) -> None:
        """Remove all that is in a directory, whichever block of the admin owns it; it may be missing."""
        if files.exists(path):
            process.run(["find", path, "-mindepth", "1", "-delete"], within=self.enter())

    def move(self, source: str, target: str) -> None:
        """Rename a file or a directory, whichever block of the admin owns it; the target does not exist."""
        process.run(["mv", "-T", "--", source, target], within=self.enter())
        disk.sync_file_system(os.path.dirname(target))

    def remove_networks(self, names: Sequence[str]) -> None:
        """Remove networks whose unit is stopped; before Podman 5.5 no unit does it (NetworkDeleteOnStop=)."""
        if names:
            process.run([*PODMAN, "network", "rm", "--force", *names], check=False)

    def read_file(self, path: str) -> bytes:
        """Return a file that belongs to a block."""
        return process.run(["cat", "--", path], within=self.enter()).out

    def export_static(self, reference: str, root: str, scripts: Sequence[str], target: str, block: int) -> None:
        """Export a document root from an image, links resolved inside the image, scripts as empty files.

        Empty scripts let the front see that a script exists without having its text. The image's own tar runs under the
        instance's ids, without a network and without a capability.
        """
        files.remove_tree(target)
        files.make_directory(target)
        argv = [
            *PODMAN, "run", "--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=all", "--user=0",
            f"--timeout={EXPORTED}", "--security-opt=no-new-privileges", "--log-driver=none",
            f"--uidmap=0:@{block}:{SIZE}", f"--gidmap=0:@{block}:{SIZE}",
            "--entrypoint=tar", reference, "-C", root, "--hard-dereference", "-chf", "-", ".",
        ]  # fmt: skip
        # tar ends with 1 for a broken link (tar(1), RETURN VALUE); such a file is left out.
        process.pipe(argv, lambda stream: unpack(stream, target, tuple(scripts)), accepted=(0, 1))

    def exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        patience: float | None = None,
    ) -> process.Outcome:
        """Run a program in a running container and return its outcome, see process.run."""
        options = [item for key, value in (env or {}).items() for item in ("--env", f"{key}={value}")]
        options += ["--interactive"] if stdin is not None else []
        words = [*PODMAN, "exec", *options, container, *argv]
        return process.run(words, stdin=stdin or b"", check=False, patience=patience)

    def exec_words(self, container: str, argv: Sequence[str]) -> list[str]:
        """Return the words that run a program in a running container, which reads this standard input."""
        return [*PODMAN, "exec", "--interactive", container, *argv]

    def run_once(
        self,
        reference: str,
        argv: Sequence[str],
        *,
        mounts: Sequence[str],
        block: int,
        options: Sequence[str] = (),
        stdin: bytes | None = None,
    ) -> process.Outcome:
        """Run a program in a fresh container of an image, under a block's ids and without a network."""
        options = [*options, "--interactive"] if stdin is not None else options
        volumes = [item for mount in mounts for item in ("--volume", mount)]
        return process.run(
            [
                *PODMAN, "run", "--rm", "--pull=never", "--network=none", "--read-only", "--cap-drop=all",
                "--log-driver=none", f"--uidmap=0:@{block}:{SIZE}", f"--gidmap=0:@{block}:{SIZE}",
                *options, *volumes, reference, *argv,
            ],
            stdin=stdin or b"", check=False,
        )  # fmt: skip

    def convert(self, reference: str, argv: Sequence[str], pieces: Iterable[bytes]) -> bytes:
        """Return what an image's program prints of pieces; its first argument is the descriptor at which they come.

        The container has nothing of this host, no network and no instance's ids. Its memory is bounded by setrlimit(2):
        in some sessions of a user there is no control group that could.
        """
        return process.feed(
            lambda descriptor: [
                *PODMAN, "run", "--rm", f"--preserve-fd={descriptor}", "--pull=never", "--network=none", "--read-only",
                "--cap-drop=all", "--security-opt=no-new-privileges", "--log-driver=none", f"--ulimit=data={MEMORY}",
                f"--timeout={EXPORTED}", f"--uidmap=0:1:{SIZE}", f"--gidmap=0:1:{SIZE}",
                reference, str(descriptor), *argv,
            ],
            pieces,
        )  # fmt: skip


@contextmanager
def _work_directory(podman: Program) -> Iterator[str]:
    """Give a directory for one build, on the disk and outside of home, and remove it with what other ids left there."""
    directory, _, prefix = storage.BUILDS.rpartition("/")
    work = tempfile.mkdtemp(prefix=prefix, dir=directory)
    try:
        yield work
    finally:
        podman.remove_trees([work])


def needing(unit: str) -> list[str]:
    """Return the words before a program that let a unit run for as long as it does, and then only if others need it.

    It has this standard input and output, and the user manager ends it when they are closed (systemd-run(1)).
    """
    after = [f"--property={key}={unit}" for key in ("Requires", "After")]
    return ["systemd-run", "--user", "--quiet", "--collect", "--wait", "--pipe", *after, "--"]


def check_quadlets(directory: str) -> None:
    """Let the generator convert a directory of quadlets; raise ChainsawError when it does not accept one.

    Without this check the generator would leave a bad one out without an error (podman#18778).
    """
    generator = next((item for item in GENERATORS if files.exists(item)), GENERATORS[0])
    outcome = process.run([generator, "-user", "-dryrun"], check=False, extra_env={"QUADLET_UNIT_DIRS": directory})
    if outcome.code:
        raise ChainsawError(
            Diagnostic("quadlet", f"Podman does not accept these quadlets:\n{outcome.complaint}", directory)
        )


def copy_tree(podman: Program, source: str, target: str, start: int | None, new_start: int | None) -> None:
    """Copy a directory to another place, with the ids of the block at `start` as those of the one at `new_start`.

    What has no block is the admin's, and stays so. Nothing may write to it meanwhile. What was there before goes only
    when the copy is complete.
    """
    first = shift = 0
    if start is not None and new_start is not None:
        first = intermediate(podman.uids, start)
        shift = intermediate(podman.uids, new_start) - first
    partial = f"{target}{files.PARTIAL}"
    podman.remove_trees([partial])
    process.run(["mkdir", "-p", partial], within=podman.enter())
    program = [sys.executable, "-I", copier.__file__]
    process.run([*program, source, partial, str(first), str(SIZE), str(shift)], within=podman.enter())
    podman.remove_trees([target])
    files.publish((partial, target))
