"""Blocks: every instance has ids of its own, for as long as its data is there."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.compile.blocks import allocate, free_blocks, overlapping, parse_ranges
from chainsaw.errors import ChainsawError, Exit
from chainsaw.model.block import SIZE, Range

ADDUSER = Range("admin", 100000, 65536)

some_range = st.builds(
    Range, st.just("admin"), st.integers(1, 40).map(lambda n: n * 50000), st.integers(1, 12).map(lambda n: n * 40000)
)
ranges = st.lists(some_range, max_size=4)
names = st.lists(st.sampled_from([f"i{number}" for number in range(9)]), unique=True)


@st.composite
def situations(draw):
    """Return names to serve, recorded blocks, and ranges that still hold the recorded ones."""
    recorded = draw(st.dictionaries(st.sampled_from(["i0", "i1", "gone"]), st.integers(20, 24).map(lambda n: n * SIZE)))
    recorded = {name: start for index, (name, start) in enumerate(recorded.items()) if index == 0 or start % 2}
    room = [Range("admin", start, SIZE + 1) for start in recorded.values()]
    return draw(names), recorded, [*draw(ranges), *room], [*draw(ranges), *room]


def allocated(names, recorded, uids, gids):
    try:
        return allocate(names, recorded, uids, gids, "admin")
    except ChainsawError as error:
        assert error.exit is Exit.HOST
        assert {item.code for item in error.diagnostics} <= {"blocks-exhausted", "block-overlap"}
        return None


@given(situations())
def test_blocks_are_aligned_do_not_overlap_and_are_in_the_admins_ranges(situation):
    names, recorded, uids, gids = situation
    blocks = allocated(names, recorded, uids, gids)
    if blocks is None:
        return
    starts = sorted({*recorded.values(), *(block.start for block in blocks.values())})
    assert all(after - before >= SIZE for before, after in pairwise(starts))
    assert len({block.start for block in blocks.values()}) == len(blocks)
    for name, block in blocks.items():
        assert block.start % SIZE == 0
        assert name not in recorded or block.start == recorded[name]
        for own in (uids, gids):
            assert any(item.start <= block.start and block.end <= item.end for item in own)


@given(situations())
def test_a_newly_recorded_block_changes_no_other_block(situation):
    names, recorded, uids, gids = situation
    blocks = allocated(names, recorded, uids, gids)
    if blocks is not None:
        later = {**recorded, **{name: block.start for name, block in blocks.items()}}
        assert allocated(list(reversed(names)), later, uids, gids) == blocks


def test_the_block_of_a_removed_instance_is_not_given_to_another():
    own = [ADDUSER, Range("admin", 524288, 2 * SIZE)]
    assert allocate(["club"], {"blog": 524288}, own, own, "admin")["club"].start == 524288 + SIZE


def test_the_range_of_adduser_is_left_to_other_containers():
    assert free_blocks([ADDUSER], [ADDUSER], ()) == []


def test_a_range_with_any_start_gives_aligned_blocks():
    own = [Range("admin", 100001, 3 * SIZE)]
    assert [block.start for block in free_blocks(own, own, ())] == [2 * SIZE, 3 * SIZE]


def test_ids_without_matching_group_ids_give_no_block():
    uids = [Range("admin", 524288, 3 * SIZE)]
    gids = [Range("admin", 524288 + SIZE, 3 * SIZE)]
    assert [block.start for block in free_blocks(uids, gids, ())] == [524288 + SIZE, 524288 + 2 * SIZE]


def test_a_duplicate_range_gives_each_block_once():
    own = [Range("admin", 524288, 2 * SIZE), Range("admin", 524288, 3 * SIZE)]
    blocks = allocate(["a", "b", "c"], {}, own, own, "admin")
    assert len({block.start for block in blocks.values()}) == 3


def test_all_problems_are_reported_at_once():
    own = [ADDUSER]
    with pytest.raises(ChainsawError) as caught:
        allocate(["new"], {"one": 524288, "two": 524288}, own, own, "admin")
    codes = [item.code for item in caught.value.diagnostics]
    assert codes == ["block-lost"] * 4 + ["block-overlap", "blocks-exhausted"]


def test_ranges_of_another_user_must_not_overlap():
    own = [Range("admin", 524288, SIZE)]
    (problem,) = overlapping(own, [*own, Range("kim", 524288 + 1, 1)], "/etc/subuid")
    assert problem.code == "ranges-overlap"
    assert problem.hint == "sudo usermod --del-subuids 524289-524289 kim"
    assert overlapping(own, [*own, Range("kim", 524288 + SIZE, 1)], "/etc/subuid") == []


def test_ranges_are_read_as_subuid_writes_them():
    text = "# comment\nadmin:100000:65536\n\nkim:165536:65536\nbroken\nadmin:a:b\n1000:231072:65536\n"
    assert parse_ranges(text) == [
        Range("admin", 100000, 65536),
        Range("kim", 165536, 65536),
        Range("1000", 231072, 65536),
    ]


@pytest.mark.parametrize(
    ("more", "left", "option"), [([], "", ""), ([Range("admin", 524288, 2 * SIZE)], " left", " --blocks +64")]
)
def test_on_a_host_that_is_not_prepared_setup_is_what_helps(more, left, option):
    own = [ADDUSER, *more]
    with pytest.raises(ChainsawError) as caught:
        allocate(["blog", "club", "new"], {}, own, own, "admin")
    (problem,) = caught.value.diagnostics
    assert f"admin has no block of 65536 subordinate ids{left} for " in problem.message
    assert problem.hint == f"sudo chainsaw setup --user admin{option}"
