"""Builds and pulls the images of a plan before anything else is changed, in parallel where possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from chainsaw.compile.borders import check_containerfile
from chainsaw.compile.context import Shared
from chainsaw.compile.images import Build, containerfile, recipe_build, shared_build
from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host import disk, facts
from chainsaw.host.podman import Podman
from chainsaw.host.store import records
from chainsaw.model.deployment import ImageNeed
from chainsaw.model.paths import Paths
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.result import Reporter

Task = tuple[str, Callable[[], None]]


@dataclass
class Images:
    """The images of one apply: `present` are the VOLUME paths of each, `broken` the errors, both by reference."""

    paths: Paths
    podman: Podman
    catalog: Catalog
    shared: Shared
    report: Reporter
    present: dict[str, tuple[str, ...]] = field(default_factory=dict)
    broken: dict[str, ChainsawError] = field(default_factory=dict)

    def obtain(self, needs: Iterable[ImageNeed]) -> None:
        """Build or pull what is missing; afterwards `broken` has what failed."""
        wanted = list(needs)
        self._read_store([need.reference for need in wanted])
        missing = [need for need in wanted if not self.is_known(need)]
        pulls: list[Task] = [(need.reference, self._pull(need.reference)) for need in missing if not need.base]
        levels = self._levels([need for need in missing if need.base])
        self._together(pulls + self._tasks(levels[0]))
        for level in levels[1:]:
            self._together(self._tasks(level))
        self._read_store([need.reference for need in wanted])
        for need in wanted:
            if not self.is_known(need):
                self.broken[need.reference] = _not_there(need.reference)

    def is_known(self, need: ImageNeed) -> bool:
        """Return whether an image is in the store, or its build or pull has failed."""
        return need.reference in self.present or need.reference in self.broken

    def check(self, need: ImageNeed) -> None:
        """Raise ChainsawError when an image is missing, or declares volumes that the recipe does not mount."""
        if need.reference in self.broken:
            raise self.broken[need.reference]
        if need.reference not in self.present:
            raise _not_there(need.reference)
        unmounted = sorted(set(self.present[need.reference]) - set(need.mounted))
        if unmounted:
            message = f"{need.reference} declares volumes that its recipe does not mount: {', '.join(unmounted)}"
            hint = "what is written there would be lost at every restart; the recipe must mount it"
            raise ChainsawError(Diagnostic("unmounted-volume", message, hint=hint))

    def _read_store(self, references: list[str]) -> None:
        """Find out which images the store has: from the record, then from Podman."""
        self.present = records.read_images(self.paths) | self.present
        unknown = [reference for reference in references if reference not in self.present]
        if unknown:
            self.present |= self.podman.declared_volumes(unknown)
            records.write_images(self.paths, self.present)

    def _levels(self, needs: list[ImageNeed]) -> list[list[Build]]:
        """Return what must be built in levels, each based on the one before."""
        first: dict[str, Build] = {}
        second: dict[str, Build] = {}
        third: dict[str, Build] = {}
        for need in needs:
            base = shared_build("base", self.shared.images)
            first[base.reference] = base
            if need.base != "base":
                build = shared_build(need.base, self.shared.images)
                second[build.reference] = build
            if need.recipe:
                context = self.catalog.version(need.recipe, need.digest).below(need.build)
                name = need.recipe.rpartition("/")[2]
                try:
                    check_containerfile(containerfile(name, need.build), context["Containerfile"])
                except ChainsawError as error:
                    self.broken[need.reference] = error
                    continue
                build = recipe_build(name, need.image, context, need.base, self.shared.images)
                level = third if need.base != "base" else second
                level[build.reference] = build
        levels = [list(level.values()) for level in (first, second, third)]
        self._read_store([build.reference for level in levels for build in level])
        return levels

    def _tasks(self, builds: list[Build]) -> list[Task]:
        return [(build.reference, self._build(build)) for build in builds if build.reference not in self.present]

    def _pull(self, reference: str) -> Callable[[], None]:
        def task() -> None:
            self.report.doing(f"pulling {reference}")
            self.podman.pull(reference)

        return task

    def _build(self, build: Build) -> Callable[[], None]:
        name = build.reference.rsplit("/", 1)[-1].split(":")[0]

        def task() -> None:
            if build.base in self.broken:
                raise self.broken[build.base]
            self.report.doing(f"building {name}")
            self.podman.build(
                build.reference,
                build.context,
                build.base,
                lambda line: self.report.doing(f"building {name}: {_step(line)}"),
            )

        return task

    def _together(self, tasks: list[Task]) -> None:
        """Run tasks in parallel, and record which of them fail."""
        if not tasks:
            return
        with ThreadPoolExecutor(max_workers=max(2, facts.processors())) as pool:
            running = {reference: pool.submit(task) for reference, task in tasks}
        for reference, future in running.items():
            error = future.exception()
            if isinstance(error, ChainsawError):
                self.broken[reference] = error
            elif error is not None:
                raise error
        # Podman does not sync unpacked layers: after a power cut it would accept an incomplete image.
        disk.sync_file_system(self.paths.home)


def _step(line: str) -> str:
    """Return only the count of `STEP 2/3: RUN ...`, because the command may be long."""
    return line.partition(":")[0].lower()


def _not_there(reference: str) -> ChainsawError:
    return ChainsawError(Diagnostic("no-image", f"{reference} is not in the store"))
