"""Where things are, and who owns which id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.model.artifact import Artifact, as_tree
from chainsaw.model.block import SIZE, Block, Range, intermediate
from chainsaw.model.paths import Paths


def test_everything_is_below_home_without_the_xdg_variables():
    paths = Paths.of("/home/admin", {})
    assert paths.site_file == "/home/admin/.config/chainsaw/site.yaml"
    assert paths.instance_files == "/home/admin/.config/chainsaw/instances"
    assert paths.root == "/home/admin/.local/share/chainsaw"
    assert paths.current == "/home/admin/.local/state/chainsaw/generations/current"
    assert paths.quadlet_link == "/home/admin/.config/containers/systemd/chainsaw"
    assert paths.unit_links == "/home/admin/.local/share/systemd/user"


def test_absolute_xdg_variables_are_used_and_relative_ones_are_ignored():
    paths = Paths.of("/home/admin", {"XDG_CONFIG_HOME": "/etc/x", "XDG_STATE_HOME": "relative", "XDG_DATA_HOME": ""})
    assert (paths.config, paths.data, paths.state) == (
        "/etc/x",
        "/home/admin/.local/share",
        "/home/admin/.local/state",
    )


def test_a_public_volume_lies_where_the_front_may_read():
    paths = Paths.of("/home/admin", {})
    assert paths.volume("blog", "content", True) == f"{paths.public}/blog/content"
    assert paths.volume("blog", "database", False) == f"{paths.instance('blog')}/volumes/database"


ranges = st.lists(st.tuples(st.integers(1, 10), st.integers(1, 5)), min_size=1, max_size=4).map(
    lambda items: [
        Range("admin", 100000 + sum(gap + count for gap, count in items[:index]) * 1000 + gap * 1000, count * 1000)
        for index, (gap, count) in enumerate(items)
    ]
)


@given(ranges)
def test_podman_counts_ids_through_all_ranges_in_file_order(own):
    hosts = [host for item in own for host in (item.start, item.end - 1)]
    inside = [intermediate(own, host) for host in hosts]
    assert inside[0] == 1
    assert inside[-1] == sum(item.count for item in own)
    assert inside == sorted(inside)


def test_an_id_outside_all_ranges_has_no_place():
    with pytest.raises(ValueError, match="no subordinate range"):
        intermediate([Range("admin", 100000, 10)], 100010)


def test_ranges_that_touch_do_not_overlap():
    assert not Range("a", 0, 10).overlaps(Range("b", 10, 10))
    assert Range("a", 0, 11).overlaps(Range("b", 10, 10))


def test_a_block_maps_root_to_its_first_id():
    assert (Block(131072).host_id(0), Block(131072).host_id(1000), Block(131072).end) == (131072, 132072, 131072 + SIZE)


def test_two_artifacts_with_the_same_path_are_refused():
    with pytest.raises(ValueError, match=r"units/a\.socket is generated twice"):
        as_tree([Artifact("units/a.socket", b"1"), Artifact("units/a.socket", b"2")])


def test_a_tree_is_in_the_order_of_its_paths():
    assert list(as_tree([Artifact("b", b""), Artifact("a", b"")])) == ["a", "b"]
