"""Blocks: the 65,536 ids of each instance, out of the admin's subordinate ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from chainsaw.errors import Diagnostic, host_lacks
from chainsaw.model.block import SIZE, Block, Range, Ranges

SETUP = "sudo chainsaw setup"


def free_blocks(uids: Sequence[Range], gids: Sequence[Range], taken: Iterable[int]) -> list[Block]:
    """Return the aligned blocks that lie in both kinds of ranges and are not taken, in order.

    A block never uses the first 65,536 ids that adduser gave: containers outside chainsaw use those by default.
    """
    used = set(taken)
    starts: set[int] = set()
    for item in uids:
        if item.count <= SIZE:
            continue
        first = -(-item.start // SIZE) * SIZE
        starts |= set(range(first, item.end - SIZE + 1, SIZE))
    starts = {start for start in starts if all(abs(start - other) >= SIZE for other in used)}
    covered = [start for start in starts if any(g.start <= start and start + SIZE <= g.end for g in gids)]
    return [Block(start) for start in sorted(covered)]


def allocate(
    names: Iterable[str], recorded: Mapping[str, int], uids: Sequence[Range], gids: Sequence[Range], user: str
) -> dict[str, Block]:
    """Return the block of each name: its recorded one, or the next free one.

    Raise ChainsawError when a recorded block is no longer the admin's, when two records overlap, or when none is free.
    """
    problems = [*_lost(recorded, uids, gids, user), *_shared(recorded)]
    free = iter(free_blocks(uids, gids, recorded.values()))
    blocks: dict[str, Block] = {}
    missing = []
    for name in names:
        block = Block(recorded[name]) if name in recorded else next(free, None)
        if block is None:
            missing.append(name)
        else:
            blocks[name] = block
    if missing:
        problems.append(_exhausted(missing, user, bool(free_blocks(uids, gids, ()))))
    if problems:
        raise host_lacks(problems)
    return blocks


def _exhausted(missing: Sequence[str], user: str, is_prepared: bool) -> Diagnostic:
    """Return the problem of instances without a block; a host that is not prepared has no block at all."""
    left = " left" if is_prepared else ""
    message = f"{user} has no block of {SIZE} subordinate ids{left} for {', '.join(missing)}"
    more = f" --blocks +{-(-len(missing) // 64) * 64}" if is_prepared else ""
    return Diagnostic("blocks-exhausted", message, "/etc/subuid", hint=f"{SETUP} --user {user}{more}")


def _lost(recorded: Mapping[str, int], uids: Sequence[Range], gids: Sequence[Range], user: str) -> Iterable[Diagnostic]:
    for name, start in sorted(recorded.items()):
        for file, ranges in (("/etc/subuid", uids), ("/etc/subgid", gids)):
            if not any(item.start <= start and start + SIZE <= item.end for item in ranges):
                message = f"the ids {start}-{start + SIZE - 1} of {name} are no longer {user}'s"
                flag = "--add-subuids" if file == "/etc/subuid" else "--add-subgids"
                hint = f"sudo usermod {flag} {start}-{start + SIZE - 1} {user}"
                yield Diagnostic("block-lost", message, file, hint=hint)


def _shared(recorded: Mapping[str, int]) -> Iterable[Diagnostic]:
    ordered = sorted((start, name) for name, start in recorded.items())
    for (first, one), (second, other) in pairwise(ordered):
        if second < first + SIZE:
            yield Diagnostic(
                "block-overlap",
                f"{one} and {other} are recorded with the same ids {second}",
                hint="restore one of the two records",
            )


def overlapping(own: Sequence[Range], every: Sequence[Range], file: str) -> list[Diagnostic]:
    """Return one problem for each range of another user that shares ids with the admin's."""
    problems = []
    for mine in own:
        for other in every:
            if other.owner != mine.owner and mine.overlaps(other):
                message = f"the ids of {mine.owner} ({mine.start}-{mine.end - 1}) overlap those of {other.owner}"
                flag = "--del-subuids" if file == "/etc/subuid" else "--del-subgids"
                hint = f"sudo usermod {flag} {other.start}-{other.end - 1} {other.owner}"
                problems.append(Diagnostic("ranges-overlap", message, file, hint=hint))
    return problems


def ranges_in(user: str, uid: int, subuid: str, subgid: str) -> Ranges:
    """Return a user's ranges of the texts of subuid(5) and subgid(5); raise ChainsawError when another's overlap them.

    A line may name its owner by number.
    """
    found, problems = [], []
    for file, text in (("/etc/subuid", subuid), ("/etc/subgid", subgid)):
        every = [replace(item, owner=user) if item.owner == str(uid) else item for item in parse_ranges(text)]
        own = [item for item in every if item.owner == user]
        problems += overlapping(own, every, file)
        found.append(own)
    if problems:
        raise host_lacks(problems)
    return Ranges(*found)


def parse_ranges(text: str) -> list[Range]:
    """Return the ranges of a text in the format of subuid(5): owner:start:count; other lines are skipped."""
    ranges = []
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) == 3 and fields[1].isdigit() and fields[2].isdigit():
            ranges.append(Range(fields[0], int(fields[1]), int(fields[2])))
    return ranges
