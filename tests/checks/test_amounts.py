"""What an instance has on the disk, compared with what is expected of it."""

from __future__ import annotations

import pytest

from chainsaw.checks import amounts
from chainsaw.checks.observed import DiskUse

TWO = 2 * 2**30
INSIDE = DiskUse(data=40_000_000, caches=60_000_000, files=1400)


@pytest.mark.parametrize(
    ("use", "found"),
    [
        (INSIDE, ""),
        (DiskUse(TWO, 0, 131_072), ""),
        (DiskUse(3_000_000_000, 0, 10), "3.0 GB on the disk where 2.1 GB are expected"),
        (DiskUse(100, 3_000_000_000, 1), "3.0 GB on the disk, 3.0 GB of it caches, where 2.1 GB are expected"),
        (DiskUse(1, 1, 200_000), "200000 files where 131072 are expected"),
        (DiskUse(None, 5, 200_000), "200000 files where 131072 are expected"),
        (DiskUse(None, 5, None), ""),
    ],
)
def test_more_than_is_expected_is_said_with_both_figures(use, found):
    assert amounts.excess(use, TWO) == found


@pytest.mark.parametrize(
    ("use", "wanted"),
    [
        (DiskUse(3_000_000_000, 0, 10), "4G"),
        (DiskUse(1, 0, 200_000), "4G"),
        (DiskUse(100_000_000_000, 0, 10), "128G"),
        (DiskUse(600_000_000, 0, 10), "1G"),
    ],
)
def test_the_amount_that_is_proposed_is_enough(use, wanted):
    shown = amounts.remedy("files", use)
    assert shown == f"chainsaw inventory files; if that is right: chainsaw config set files disk {wanted}"
    assert amounts.excess(use, int(wanted[:-1]) * 2**30) == ""


def test_an_instance_within_its_amount_is_ok():
    check = amounts.disk_use("blog", INSIDE, TWO, 10.0)
    assert (check.name, check.state, check.hint) == ("disk use of blog", "ok", "")
    assert check.found == "100 MB and 1400 files, of 2.1 GB and 131072 that are expected"


def test_one_with_more_is_warned_of():
    check = amounts.disk_use("shop", DiskUse(3_000_000_000, 0, 10), TWO, 10.0)
    assert (check.state, check.found) == ("warn", "it has 3.0 GB on the disk where 2.1 GB are expected")
    assert check.hint.startswith("chainsaw inventory shop")


@pytest.mark.parametrize("use", [DiskUse(), DiskUse(1, 1, None), DiskUse(None, 1, 1), DiskUse(1, None, 1)])
def test_what_was_not_counted_is_unknown(use):
    check = amounts.disk_use("blog", use, TWO, 10.0)
    assert (check.state, check.found, check.hint) == ("unknown", "not counted within 10 s", "chainsaw inventory blog")
    assert amounts.uncounted({"blog": use, "www": INSIDE}) == ["blog"]
