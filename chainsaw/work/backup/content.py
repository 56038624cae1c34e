"""What a backup of an instance holds: what is listed as its own, read from the one list of its resources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chainsaw import __version__
from chainsaw.host import files
from chainsaw.host.account import Account
from chainsaw.load.recipe import Bundle, load_part
from chainsaw.model.artifact import intent_path
from chainsaw.model.backup import (
    HISTORY,
    INSTANCE,
    META,
    RECIPE,
    SITE,
    VOLUMES,
    Backup,
    Before,
    KeptDump,
    KeptRecipe,
    KeptVolume,
)
from chainsaw.model.consistent import Consistent
from chainsaw.model.deployment import ComponentService, Deployment
from chainsaw.model.site import Common
from chainsaw.model.volume import Volume
from chainsaw.plan.resources import Resource, resources_of
from chainsaw.work.config.applied import applied_site
from chainsaw.work.config.on_disk import subject_of
from chainsaw.work.history.history import history
from chainsaw.work.recipes.installed import applied_bundle
from chainsaw.work.recipes.shipped import shared_parts

UNKNOWN = Consistent(files="stopped", why="the recipe does not say that less is enough")
OF_SITE = frozenset({*Common.model_fields, "sleep", "disk", "memory", "ports"})
"""The settings of the site on which an instance depends."""
OF_SQLITE = ("", "-wal", "-shm", "-journal")
"""How the names of a database and of the files beside it end (tempfiles.html of SQLite)."""
ALL = ("*",)
"""All that is in a volume."""
DATABASE = "db"
"""The component that a building block for a database brings."""
TRIED = "tried"
PAST = 1000
"""So many changes of an instance are kept in a backup."""


@dataclass(frozen=True)
class Content:
    """An instance that is backed up: what it is, how a copy is consistent, and what is its own.

    `files` are the contents of small files by their path in the backup, `secrets` and `volumes` are places on the disk
    by theirs, `dumped` are the components whose program writes out their data.
    """

    deployment: Deployment
    bundle: Bundle
    consistent: Consistent
    files: Mapping[str, bytes]
    secrets: Mapping[str, str]
    volumes: Mapping[str, Volume]
    dumped: tuple[ComponentService, ...]

    @property
    def is_one_state(self) -> bool:
        """Whether files may be read at any time, and nothing else belongs to them."""
        return self.consistent.files == "running" and not self.dumped and not self.consistent.sqlite

    def facts(self, id: str, site: str, at: int, before: Before = "") -> Backup:  # noqa: A002  # it is called so in the backup
        """Return the first member of a backup that begins at a time, in seconds since 1970, `before` something."""
        found, recipe = self.deployment, self.bundle.recipe
        kept = KeptRecipe(
            name=found.recipe, origin=origin_of(found), version=recipe.version, digest=found.digest, title=recipe.title
        )
        return Backup(
            id=id,
            site=site,
            instance=found.name,
            at=at,
            chainsaw=__version__,
            before=before,
            url=found.url,
            recipe=kept,
            images=tuple(need.reference for need in found.images),
            secrets=tuple(path.rpartition("/")[2] for path in self.secrets),
            shared={item.key: item.source.rpartition("/")[2] for item in found.secrets if item.source},
            volumes={
                path.rpartition("/")[2]: KeptVolume(public=item.public is not None, admin=item.owner == "admin")
                for path, item in self.volumes.items()
            },
            dumps={item.component: self._dump(item) for item in self.dumped},
            sqlite=self.consistent.sqlite,
        )

    def _dump(self, service: ComponentService) -> KeptDump:
        parts, name = shared_parts(), self.bundle.recipe.database
        part = load_part(name, parts[name]) if name and service.component == DATABASE else None
        return KeptDump(engine=f"{part.title} {part.version}" if part else service.component, restore=service.restore)

    def excludes(self, volume: str) -> tuple[str, ...]:
        """Return what is no part of a volume's copy: what its dump holds, and what the application makes again.

        Databases of SQLite are copied by themselves, and what lies beside them is no use without them.
        """
        if self.volumes[f"{VOLUMES}/{volume}"].components in [(item.component,) for item in self.dumped]:
            return ALL
        beside = [f"{path}{end}" for path in self.consistent.sqlite.get(volume, ()) for end in OF_SQLITE]
        return (*self.consistent.excludes.get(volume, ()), *beside)


def origin_of(deployment: Deployment) -> str:
    """Return the source and the name of an instance's recipe; one that is tried in a directory has no source."""
    return deployment.origin or f"{TRIED}/{deployment.recipe}"


def content_of(account: Account, deployment: Deployment) -> Content:
    """Return what a backup of an applied instance holds; raise ChainsawError when its recipe is gone."""
    paths, manifest = account.paths, account.current()
    found = [item for item in resources_of(subject_of(paths, deployment.name, manifest)) if item.kept_as]
    bundle = applied_bundle(paths, deployment)
    volumes = {item.name: item for item in deployment.volumes}
    return Content(
        deployment,
        bundle,
        bundle.recipe.backup or UNKNOWN,
        dict(_files(account, deployment, bundle, found)),
        {item.kept_as: item.place for item in found if item.kind == "secret"},
        {item.kept_as: volumes[item.name] for item in found if item.kind == "volume"},
        tuple(service for service in deployment.services if service.dump),
    )


def _files(
    account: Account, deployment: Deployment, bundle: Bundle, found: list[Resource]
) -> Iterator[tuple[str, bytes]]:
    """Yield what is small, and no secret: its own file as it is applied, notes, its recipe, settings, its past."""
    paths = account.paths
    for item in found:
        if item.kept_as == INSTANCE:
            applied = files.read_text(f"{paths.current}/{intent_path(deployment.name)}")
            yield INSTANCE, (applied or files.read_text(item.place) or "").encode()
        elif item.kept_as == RECIPE or item.kind in ("secret", "volume"):
            continue
        elif (text := files.read_text(item.place)) is not None:
            yield item.kept_as, text.encode()
    yield from ((f"{RECIPE}/{path}", content) for path, content in bundle.own_files.items())
    site = applied_site(paths).model_dump(mode="json", include=set(OF_SITE), exclude_none=True)
    yield SITE, _json(site)
    yield HISTORY, _json(history(account, deployment.name, PAST, with_diff=True).data["entries"])


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def directories_of(paths: Mapping[str, object]) -> list[str]:
    """Return the directories in which a backup's small files are, parents first."""
    found = {META}
    for path in paths:
        names = path.split("/")
        found |= {"/".join(names[:count]) for count in range(1, len(names))}
    return sorted(found, key=lambda path: path.split("/"))
