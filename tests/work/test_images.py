"""Images are built before anything else is changed: in order, in parallel, each once."""

from __future__ import annotations

import threading

import pytest
from fake import replaces

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.podman import Podman
from chainsaw.model.deployment import ImageNeed
from chainsaw.model.paths import Paths
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.images import Images
from chainsaw.work.recipes.shipped import shared_files
from chainsaw.work.result import Quiet


@replaces(Podman)
class Store:
    """A Podman that only records what it should build and pull."""

    def __init__(self, broken=(), volumes=()):
        self.made, self.broken, self.volumes, self.guard = [], broken, volumes, threading.Lock()

    def declared_volumes(self, references):
        return {reference: tuple(self.volumes) for reference in references if reference in self.made}

    def build(self, reference, context, base, report):
        report("STEP 1/2: FROM base")
        assert base in self.made or base.startswith("docker.io/")
        self._make(reference)

    def pull(self, reference):
        self._make(reference)

    def _make(self, reference):
        if any(word in reference for word in self.broken):
            raise ChainsawError(Diagnostic("program-failed", f"{reference} cannot be had"))
        with self.guard:
            assert reference not in self.made
            self.made.append(reference)


@pytest.fixture
def obtain(tmp_path, goldens):
    """Return the function that obtains the images of a golden case."""

    def run(store, extra=()):
        images = Images(Paths.of(str(tmp_path), {}), store, Catalog(), shared_files(), Quiet())
        manifest = goldens["one-host"].manifest
        needs = [need for one in (manifest.front, *manifest.instances.values()) for need in one.images] + list(extra)
        images.obtain(needs)
        return images, needs

    return run


def names(store):
    return [reference.rsplit("/", 1)[-1].split(":")[0] for reference in store.made]


def test_every_image_is_built_once_and_what_it_stands_on_before(obtain):
    store = Store()
    images, needs = obtain(store)
    assert names(store)[0] == "base"
    assert sorted(names(store)) == ["base", "mariadb", "nginx", "php", "wordpress-app"]
    for need in needs:
        images.check(need)


def test_what_is_there_is_not_built_again(obtain):
    store = Store()
    obtain(store)
    made = list(store.made)
    obtain(store)
    assert store.made == made


def test_a_failed_build_is_reported_for_each_instance_that_needs_it(obtain):
    store = Store(broken=("wordpress-app",))
    images, needs = obtain(store)
    for need in needs:
        if need.image == "app":
            with pytest.raises(ChainsawError, match="cannot be had"):
                images.check(need)
        else:
            images.check(need)


def test_a_base_that_cannot_be_built_is_the_reason_for_all_that_stand_on_it(obtain):
    images, needs = obtain(Store(broken=("chainsaw/base",)))
    for need in needs:
        with pytest.raises(ChainsawError, match=r"chainsaw/base:.* cannot be had"):
            images.check(need)


def test_an_image_of_others_is_pulled(obtain):
    need = ImageNeed(reference="docker.io/library/demo:1")
    store = Store()
    images, _ = obtain(store, [need])
    assert need.reference in store.made
    images.check(need)


def test_an_image_that_is_not_there_after_all_is_a_problem(obtain):
    images, _ = obtain(Store())
    with pytest.raises(ChainsawError) as caught:
        images.check(ImageNeed(reference="docker.io/library/other:1"))
    assert [item.code for item in caught.value.diagnostics] == ["no-image"]


def test_a_volume_that_nobody_mounts_would_lose_data(obtain):
    images, needs = obtain(Store(volumes=("/var/lib/mysql", "/var/lib/other")))
    (database,) = {need.reference: need for need in needs if need.base == "mariadb"}.values()
    with pytest.raises(ChainsawError) as caught:
        images.check(database)
    (problem,) = caught.value.diagnostics
    assert problem.code == "unmounted-volume"
    assert problem.message.endswith("does not mount: /var/lib/other")


def test_a_pull_that_leaves_nothing_in_the_store_is_a_failure(obtain, monkeypatch):
    store = Store()
    monkeypatch.setattr(store, "pull", lambda reference: None)
    need = ImageNeed(reference="registry.example.org/club/wiki:1")
    images, _ = obtain(store, [need])
    assert images.is_known(need), "or apply would pull it for ever"
    with pytest.raises(ChainsawError, match="wiki:1 is not in the store"):
        images.check(need)
