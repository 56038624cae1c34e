"""What a drill looks at: the page, the volumes, and what the database dumps now."""

from __future__ import annotations

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.model.backup import Backup, Ending, Tree
from chainsaw.work.backup.make import Wanted, back_up
from chainsaw.work.restore import look
from chainsaw.work.restore.look import SLACK, Found, Look
from chainsaw.work.result import Quiet

MIB = 2**20


@pytest.fixture
def looked(blog, monkeypatch):
    """Return the function that looks at an instance which has been started; it returns what is wrong, by code."""
    blog.dumps(MIB)
    (index,) = back_up(blog.account, ["blog"], Wanted(), Quiet()).data["backups"]
    backup, ending = Backup.model_validate(index["backup"]), Ending.model_validate(index["ending"])

    def at(page="", volume=(4, 8192), there=(4, 8192)):
        trees = {"content": Tree(members=volume[0], bytes=volume[1], highest=0)}
        monkeypatch.setattr(look, "proof", lambda *arguments: page)
        monkeypatch.setattr("chainsaw.host.usage.members_of", lambda path, within: there)
        one = Look(blog.account, blog.deployment, backup, ending.model_copy(update={"volumes": trees}), Quiet())
        found = Found()
        try:
            one.look(found)
        except ChainsawError as error:
            return {item.code: item.message for item in error.diagnostics}, found
        return {}, found

    return at


def test_what_is_as_it_was_has_nothing_wrong(looked):
    problems, found = looked()
    assert problems == {}
    assert found.as_dict() == {
        "volumes": {"content": {"members": 4, "bytes": 8192, "found_members": 4, "found_bytes": 8192}},
        "dumps": {"db": {"bytes": MIB, "found_bytes": MIB}},
        "databases": [],
    }


def test_a_page_that_is_not_shown_is_told_as_it_is(looked):
    assert looked(page="https://drill-blog.localhost/ answers 500")[0] == {
        "drill-page": "https://drill-blog.localhost/ answers 500"
    }


@pytest.mark.parametrize(
    ("volume", "there", "is_wrong"),
    [
        ((1000, MIB), (1000, MIB), False),
        ((1000, MIB), (900, MIB), False),
        ((1000, MIB), (896, MIB), True),
        ((1000, MIB), (1000, MIB // 2), True),
        ((1000, MIB), (5000, 5 * MIB), False),
        ((5, 8192), (2, 0), False),
    ],
)
def test_a_volume_that_lacks_more_than_the_application_makes_again(looked, volume, there, is_wrong):
    problems, _ = looked(volume=volume, there=there)
    assert list(problems) == (["drill-volume"] if is_wrong else [])
    if is_wrong:
        assert problems["drill-volume"].startswith(
            f"of {volume[0]} members and {volume[1]} bytes in the volume content"
        )


@pytest.mark.parametrize(("size", "is_wrong"), [(MIB + SLACK, False), (MIB // 2, True), (2 * MIB, True), (0, True)])
def test_a_database_that_dumps_much_less_or_much_more(blog, looked, size, is_wrong):
    blog.dumps(size)
    problems, _ = looked()
    assert problems == (
        {"drill-dump": f"db holds {size} bytes as it dumps them, and the backup has {MIB}"} if is_wrong else {}
    )
