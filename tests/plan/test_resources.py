"""The list of an instance's resources is complete, has nothing of other instances, and says what removes each."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from chainsaw.plan.in_use import in_use, unused_images
from chainsaw.plan.nested import outermost
from chainsaw.plan.observed import EMPTY
from chainsaw.plan.resources import Subject, copies, directories_of_names, moves, purged, resources_of

APP, BASE, PHP = "localhost/chainsaw/wiki-app:1", "localhost/chainsaw/base:1", "localhost/chainsaw/php:1"
KEPT_BY_ALL = ("shared", "stays")


@dataclass(frozen=True)
class Found:
    """What a case has of one instance."""

    site: object
    items: list

    def names(self, kind, *fates):
        return [item.name for item in self.items if item.kind == kind and (not fates or item.removed_by in fates)]

    def places(self, *fates):
        return {item.place for item in self.items if item.place and (not fates or item.removed_by in fates)}

    def removed_by(self, kind):
        (removed_by,) = {item.removed_by for item in self.items if item.kind == kind}
        return removed_by


def found(site, name, chosen=(), without=()):
    rest = [item for other, item in site.manifest.instances.items() if other not in (name, *without)]
    images = [need.reference for item in rest for need in item.images]
    subject = Subject(name, site.paths, manifest=site.manifest, others=in_use(rest, images, chosen))
    return Found(site, resources_of(subject))


def every(goldens):
    return [(site, name, found(site, name)) for site in goldens.values() for name in site.manifest.instances]


@pytest.fixture
def declare(compiled, tmp_path):
    """Return the function that compiles instances: each has a recipe and a route."""

    def compile_all(**instances):
        directory = tmp_path / "config/instances"
        directory.mkdir(parents=True)
        for name, (recipe, route) in instances.items():
            (directory / f"{name}.yaml").write_text(f"recipe: {recipe}\nroute: {route}\n")
        return compiled(tmp_path)

    return compile_all


def test_every_file_of_an_instance_is_in_the_list_and_removed_with_it(goldens):
    for site, name, one in every(goldens):
        owned = [path for path, owner in site.manifest.owners.items() if owner == name]
        assert owned, name
        hosts = {f"nginx/hosts/{host}.conf" for host in site.manifest.instances[name].hosts}
        assert hosts <= site.manifest.files.keys()
        assert sorted(one.names("generated")) == sorted([*owned, *hosts])
        assert set(owned) <= set(one.names("generated", "remove"))
        links = [path.removeprefix("units/") for path in owned if path.startswith("units/")]
        assert sorted(one.names("link", "remove")) == sorted(links)


def test_every_unit_that_is_started_and_every_one_that_it_starts_is_in_the_list(goldens):
    for site, name, one in every(goldens):
        item = site.manifest.instances[name]
        by_itself = (*item.timers, *item.scheduled.timers)
        own = (*item.services, item.socket, item.gate, *by_itself, item.relay, item.network)
        started = {service.unit for service in own if service}
        asked = {unit.replace(".timer", ".service") for unit in started if unit.endswith(".timer")}
        assert started | asked <= set(one.names("unit", "remove")), name


def test_every_directory_and_secret_of_an_instance_is_deleted_by_a_purge(goldens):
    for site, name, one in every(goldens):
        deployment, paths = site.manifest.instances[name], site.paths
        top = {paths.instance(name), f"{paths.public}/{name}"}
        above = top | {f"{paths.instance(name)}/{part}" for part in ("secrets", "volumes")}
        assert {item.path for item in deployment.places} - above <= one.places("purge"), name
        assert {item.path for item in deployment.secrets} <= one.places("purge"), name
        data = [item.place for item in one.items if item.kind in ("volume", "secret", "directory", "block")]
        assert all(place.startswith(tuple(f"{item}/" for item in top)) for place in data)


def test_the_resources_of_a_wordpress(goldens):
    one = found(goldens["wordpress"], "blog")
    assert one.names("container") == ["blog.db", "blog.app"]
    assert one.names("unit") == [
        "app@blog.service",
        "app@blog.db.service",
        "app@blog.cron.service",
        "app@blog.cron.timer",
        "app@blog.socket",
        "chainsaw-instances-blog.slice",
    ]
    assert one.names("volume") == ["content", "database"]
    assert one.names("secret") == ["admin_password", "salt"]
    assert one.names("block") == ["589824-655359"]
    assert one.names("socket") == ["blog.sock"]
    assert one.names("host user", "stays") == ["chainsaw-blog"]


def test_what_systemd_keeps_of_its_timers_is_purged_and_moves_with_a_rename(goldens):
    site = goldens["wordpress"]
    place = f"{site.paths.stamps}/stamp-app@blog.cron.timer"
    by_itself = [f"{site.paths.stamps}/stamp-chainsaw-{what}@blog.timer" for what in ("backup", "drill")]
    others = ("app@blog2.cron", "chainsaw-backup@blog2", "chainsaw-backup@my-blog", "mine")
    present = {place, *by_itself, *(f"{site.paths.stamps}/stamp-{name}.timer" for name in others)}
    for manifest in (site.manifest, EMPTY):
        found = resources_of(Subject("blog", site.paths, frozenset(present), manifest))
        assert {item.place for item in purged(found) if item.kind == "stamp"} == {place, *by_itself}
        for one in (place, *by_itself):
            assert (one, one.replace("blog", "diary")) in moves(found, "diary")


def test_what_is_remembered_of_backups_goes_with_an_instance_and_its_backups_stay(goldens):
    site = goldens["backups"]
    for manifest in (site.manifest, EMPTY):
        found = resources_of(Subject("blog", site.paths, manifest=manifest))
        record, kept = site.paths.backup_record("blog"), site.paths.backups_of("blog")
        assert record in [item.place for item in purged(found)]
        assert (record, site.paths.backup_record("diary")) in moves(found, "diary")
        (backups,) = [item for item in found if item.kind == "backup"]
        assert (backups.place, backups.removed_by, backups.renamed) == (kept, "stays", "stays")
        assert backups.reason
        assert kept not in [item.place for item in purged(found)]


def test_the_network_of_an_instance_is_removed_with_it(goldens):
    one = found(goldens["egress"], "blog")
    assert one.names("network", "remove") == ["chainsaw-blog"]
    assert "chainsaw-blog-network.service" in one.names("unit", "remove")
    assert found(goldens["wordpress"], "blog").names("network") == []


def test_resources_are_listed_in_the_order_of_removal(goldens):
    order = ["remove", "purge", "shared", "stays"]
    for _, _, one in every(goldens):
        fates = [item.removed_by for item in one.items]
        assert fates == sorted(fates, key=order.index)


def test_every_resource_is_listed_once(goldens):
    for _, name, one in every(goldens):
        known = [(item.kind, item.name) for item in one.items]
        assert len(known) == len(set(known)), name


def test_two_instances_of_one_recipe_share_its_images(goldens):
    site = goldens["directives"]
    for name in ("blog", "club"):
        one = found(site, name)
        assert {one.removed_by(kind) for kind in ("image", "static", "recipe")} == {"shared"}
        assert one.removed_by("certificate") == "purge", "each has a host of its own"
    last = found(site, "blog", without=("club",))
    assert {last.removed_by(kind) for kind in ("image", "static", "recipe", "certificate")} == {"purge"}


def test_two_instances_of_one_host_share_its_certificate(declare):
    site = declare(blog=("radicale", "https://example.org/dav/"), docs=("static", "https://example.org/docs/"))
    both, last = found(site, "blog"), found(site, "blog", without=("docs",))
    assert both.removed_by("certificate") == "shared"
    assert both.removed_by("image") == "purge"
    assert both.names("generated", "shared") == ["nginx/hosts/example.org.conf"]
    assert last.removed_by("certificate") == "purge"
    assert last.names("generated", "shared") == []


def test_a_recipe_that_was_installed_by_name_is_kept(goldens):
    site = goldens["wordpress"]
    assert found(site, "blog").removed_by("recipe") == "purge"
    assert found(site, "blog", chosen=["chainsaw/wordpress"]).removed_by("recipe") == "shared"
    assert found(site, "blog", chosen=["club/wordpress"]).removed_by("recipe") == "purge"


def test_another_version_of_a_recipe_is_another_recipe(goldens):
    site = goldens["directives"]
    club = site.manifest.instances["club"].model_copy(update={"digest": "0" * 64})
    items = resources_of(Subject("blog", site.paths, manifest=site.manifest, others=in_use([club], [], [])))
    assert Found(site, items).names("recipe", "purge") == [f"chainsaw/wordpress {club.version}"]
    assert Found(site, items).names("recipe", "shared") == ["chainsaw/wordpress"], "its name means the other one now"


def test_an_instance_whose_name_is_a_prefix_of_another_has_its_own_list(declare):
    dav, pages = "https://{}.example.org/", "https://{}.example.org/pages/"
    names = {name: ("radicale", dav.format(name)) for name in ("blog", "blog2", "blo", "b-blog")}
    site = declare(**names, blogs=("static", pages.format("blogs")))
    mine = {name: found(site, name) for name in site.manifest.instances}
    own = {
        name: {(item.kind, item.name, item.place) for item in one.items if item.removed_by not in KEPT_BY_ALL}
        for name, one in mine.items()
    }
    for name, items in own.items():
        assert items
        assert not [other for other, theirs in own.items() if other != name and items & theirs]
    for name, one in mine.items():
        others = {f"{site.paths.instance(other)}/" for other in mine if other != name}
        assert not [place for place in one.places() if place.startswith(tuple(others))]


def test_a_base_image_of_a_used_image_is_used():
    parents = {APP: PHP, PHP: BASE, BASE: ""}
    assert unused_images([APP, PHP, BASE], [APP], parents) == []
    assert unused_images([APP, PHP, BASE], [PHP], parents) == [APP]
    assert unused_images([APP, PHP, BASE], [], parents) == sorted([APP, PHP, BASE])
    assert unused_images([], [APP], parents) == []
    assert unused_images([BASE], [BASE], {BASE: BASE}) == []


def test_what_moves_with_a_rename_is_all_that_a_purge_deletes_but_for_certificates(goldens):
    for _, _, one in every(goldens):
        moved = [place for place, _ in moves(one.items, "other")]
        # What the front keeps is made again, and tidied up by itself.
        rest = [item for item in purged(one.items) if item.kind != "certificate" and item.name != "pages"]
        deleted = [item.place for item in rest]
        assert not [place for place in deleted if not f"{place}/".startswith(tuple(f"{old}/" for old in moved))]
        assert moves(one.items, "other")[-1][1].endswith("/instances/other.yaml"), "declared when all else is there"


def test_a_clone_copies_the_volumes_to_where_its_own_are(goldens):
    for site, name, one in every(goldens):
        volumes = site.manifest.instances[name].volumes
        public = {item.name: item.public is not None for item in volumes}
        copied = {item.name: place for item, place in copies(one.items, "other")}
        assert copied == {key: site.paths.volume("other", key, public[key]) for key in public}


def test_the_record_of_its_ids_is_deleted_last(goldens):
    for site, name, one in every(goldens):
        order = [item.place for item in purged(one.items)]
        if site.paths.record(name) in order:
            assert order[-2:] == [site.paths.record(name), site.paths.instance(name)]


def test_files_left_by_an_instance_that_is_no_longer_applied_are_in_the_list(goldens):
    paths = goldens["wordpress"].paths
    own = paths.instance("blog")
    entries = ("record.json", "run", "secrets", "secrets/salt", "volumes", "volumes/old", "volumes.partial")
    present = frozenset([*(f"{own}/{entry}" for entry in entries), f"{paths.public}/blog/content"])
    one = Found(None, resources_of(Subject("blog", paths, present)))
    assert one.names("volume", "purge") == ["old", "content"]
    assert one.names("secret", "purge") == ["salt"]
    assert one.names("block", "purge") == ["ids"]
    assert one.names("directory", "purge") == ["secrets", "volumes", "volumes.partial"]
    assert one.names("cache", "purge") == ["run", "blog.up"]
    assert outermost(one.places("purge")) and set(outermost(one.places("purge"))) == {
        own,
        f"{paths.public}/blog",
        paths.notes_file("blog"),
        paths.removed_file("blog"),
        paths.up_file("blog"),
        paths.backup_record("blog"),
        paths.listings("blog"),
    }


def test_all_directories_with_entries_named_after_instances_are_found(goldens):
    paths = goldens["wordpress"].paths
    assert directories_of_names(paths) == [
        (f"{paths.root}/instances", ""),
        (paths.public, ""),
        (paths.sockets, ".up"),
        (f"{paths.state}/chainsaw/backups", ".json"),
        (f"{paths.state}/chainsaw/listings", ""),
        (f"{paths.own_files}/notes", ".md"),
        (f"{paths.own_files}/removed", ".yaml"),
    ]
