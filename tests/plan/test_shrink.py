"""Whether there is so much less data than before that something must be wrong, whatever the numbers are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chainsaw.model.backup import Ending, Made, Tree
from chainsaw.plan.shrink import FEW, LITTLE, shrunken

COUNTS, SIZES = st.integers(0, 10**6), st.integers(0, 10**12)
FACTS = {"id": "blog-20261201T031500Z-x7k2", "files": "running", "downtime": 0.0}


def former(members, size):
    return Made(to="/mnt/usb", at=1, bytes=1, data=size, members=members, version="1", **FACTS)


def ending(members, size, dumps=()):
    trees = {"data": Tree(members=members, bytes=size, highest=0)}
    return Ending(finished=1, volumes=trees, dumps={f"db{number}": one for number, one in enumerate(dumps)}, **FACTS)


@given(COUNTS, SIZES)
def test_what_is_the_same_has_not_shrunk(members, size):
    assert list(shrunken(former(members, size), ending(members, size))) == []


@given(COUNTS, SIZES, COUNTS, SIZES)
def test_what_has_grown_has_not_shrunk(members, size, more, larger):
    assert list(shrunken(former(members, size), ending(members + more, size + larger))) == []


@given(COUNTS, SIZES, COUNTS, SIZES)
def test_half_is_the_limit_but_for_what_is_small(members, size, now, left):
    found = list(shrunken(former(members, size), ending(now, left)))
    assert (f"{now} files, of {members}" in found) == (members >= FEW and now * 2 < members)
    assert (f"{left} bytes, of {size}" in found) == (size >= LITTLE and left * 2 < size)
    assert len(found) <= 2


@given(COUNTS, SIZES, COUNTS, SIZES, COUNTS, SIZES)
def test_less_is_never_better(members, size, now, left, fewer, smaller):
    before = former(members, size)
    less = ending(max(now - fewer, 0), max(left - smaller, 0))
    assert len(list(shrunken(before, less))) >= len(list(shrunken(before, ending(now, left))))


@given(st.integers(LITTLE, 10**12))
def test_a_dump_is_data_like_a_volume(size):
    assert list(shrunken(former(1, size), ending(0, 0, (size,)))) == []
    assert list(shrunken(former(1, size), ending(0, 0, (0,)))) == [f"0 bytes, of {size}"]


@given(st.integers(LITTLE, 10**9), st.integers(0, 10**9))
def test_one_part_that_shrinks_is_found_beside_others_that_grow(size, left):
    before = former(1, size).model_copy(update={"parts": {"volumes/data": size, "volumes/gone": size}})
    found = list(shrunken(before, ending(1, left, (10**10,))))
    assert found == ([f"{left} bytes in volumes/data, of {size}"] if left * 2 < size else [])
