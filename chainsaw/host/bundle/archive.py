"""The form of an archive: what stands before the content of a member (tar(5), pax), and a reader that takes no other.

A member is a block of ustar, and before it an extended header where a path is long or no ASCII, or a file is large or
has holes: the latter as GNU tar has it in version 1.0, a map of the data and then the data. What is read is written
again and compared, so that only one form of each member is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from chainsaw.host.bundle.form import (
    ADMIN,
    DISK_BLOCK,
    LARGEST,
    RefusedError,
    check_target,
    decoded,
    encoded,
    names_of,
)

BLOCK, CHUNK = 512, 1 << 20
TYPES = {"file": b"0", "link": b"1", "symlink": b"2", "directory": b"5", "fifo": b"6"}
KINDS = {letter: kind for kind, letter in TYPES.items()}
OCTAL = 8**11 - 1
"""The largest number in a field of a block."""
LARGEST_HEADER = 1 << 14
EXTENTS, LARGEST_MAP = 10_000, 1 << 19
"""Rows of data between holes, and bytes of the map of them."""
ZEROS = bytes(BLOCK)
EXTENDED = "././@PaxHeader"


@dataclass(slots=True)
class Member:
    """A member: `stored` bytes are in the archive, the map of a sparse file's `extents` among them."""

    path: str
    kind: str
    target: str = ""
    size: int = 0
    stored: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    seconds: int = 0
    extents: list[tuple[int, int]] | None = None
    map: bytes = field(default=b"", repr=False)


def map_of(extents: list[tuple[int, int]], size: int) -> bytes:
    """Return the map of a sparse file's data."""
    if not extents or sum(extents[-1]) < size:
        # GNU tar knows of a hole at the end by this alone.
        extents = [*extents, (size, 0)]
    numbers = [len(extents), *(number for extent in extents for number in extent)]
    content = "".join(f"{number}\n" for number in numbers).encode()
    return content + bytes(-len(content) % BLOCK)


def header(member: Member) -> bytes:
    """Return what comes before the content of a member."""
    path, target = encoded(member.path), encoded(member.target)
    records: list[tuple[str, bytes]] = []
    if member.extents is not None:
        # GNU tar takes the name of a sparse file from here alone.
        records += [("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.name", path)]
        records.append(("GNU.sparse.realsize", b"%d" % member.size))
    elif len(path) > 100 or not path.isascii():
        records.append(("path", path))
    if len(target) > 100 or not target.isascii():
        records.append(("linkpath", target))
    if member.stored > OCTAL:
        records.append(("size", b"%d" % member.stored))
    seconds = min(max(member.seconds, 0), OCTAL)
    numbers = (member.mode, member.uid, member.gid, member.stored if member.stored <= OCTAL else 0, seconds)
    block = _block(path, numbers, TYPES[member.kind], target)
    if not records:
        return block
    if any(not _is_text(value) for _, value in records):
        records.insert(0, ("hdrcharset", b"BINARY"))
    content = b"".join(_record(key, value) for key, value in records)
    return _block(EXTENDED.encode(), (0, 0, 0, len(content), 0), b"x", b"") + padded(content) + block


def padded(content: bytes) -> bytes:
    """Return content with the zeros after it that fill the last block."""
    return content + bytes(-len(content) % BLOCK)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _block(path: bytes, numbers: tuple[int, ...], letter: bytes, target: bytes) -> bytes:
    mode, uid, gid, size, seconds = numbers
    fields = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, uid, gid, size, seconds)
    before = path[:100].ljust(100, b"\0") + fields
    after = letter + target[:100].ljust(100, b"\0") + b"ustar\x0000" + bytes(64) + b"0000000\x000000000\0" + bytes(167)
    return before + b"%06o\0 " % (sum(before) + sum(after) + 8 * 32) + after


def _record(key: str, value: bytes) -> bytes:
    content = b" %s=%s\n" % (key.encode(), value)
    length = len(content)
    while length != len(content) + len(str(length)):
        length = len(content) + len(str(length))
    return str(length).encode() + content


class Source:
    """A stream that is read to the end and no further; each byte of it may be copied."""

    def __init__(self, stream: IO[bytes], copy: Callable[[memoryview], object] | None = None) -> None:
        """Take what is read, and who gets a copy."""
        self.copy = copy
        self.readinto: Callable[[memoryview], int | None] = stream.readinto  # type: ignore[attr-defined]  # each file has it
        self.buffer = memoryview(bytearray(CHUNK))
        self.place = "its beginning"

    def pieces(self, count: int) -> Iterator[memoryview]:
        """Yield as many bytes, in pieces that are good until the next; raise RefusedError if there are less."""
        while count:
            got = self.readinto(self.buffer[: min(count, CHUNK)])
            if not got:
                raise RefusedError(f"it ends early, after {self.place}")
            piece = self.buffer[:got]
            if self.copy:
                self.copy(piece)
            count -= got
            yield piece

    def take(self, count: int) -> bytes:
        """Return as many bytes."""
        return b"".join(map(bytes, self.pieces(count)))

    def content(self, count: int) -> Iterator[memoryview]:
        """Yield the content of a member that has as many bytes, and read the zeros after it."""
        yield from self.pieces(count)
        if any(self.take(-count % BLOCK)):
            raise RefusedError(f"something else than zeros after {self.place}")

    def end(self) -> None:
        """Read the end of the archive, the first block of which has been read."""
        if self.take(BLOCK) != ZEROS or self.readinto(self.buffer[:1]):
            raise RefusedError("something comes after its end")

    def members(self) -> Iterator[Member]:
        """Yield the members, up to a block of zeros; whoever takes one reads its content before the next."""
        while (block := self.take(BLOCK)) != ZEROS:
            extended = b""
            if block[156:157] == b"x":
                size = _octal(block[124:136])
                if not 0 < size <= LARGEST_HEADER:
                    raise RefusedError("a header that is too long")
                content = self.take(size + -size % BLOCK)
                extended = block + content
                block = self.take(BLOCK)
                member = _parsed(block, dict(_records(content[:size])))
            else:
                member = _parsed(block, {})
            if extended + block != header(member):
                raise RefusedError(f"a member of another form: {member.path[:200]!a}")
            self.place = repr(member.path[:200])
            if member.extents is not None:
                self._map(member)
            yield member

    def _map(self, member: Member) -> None:
        """Read the map of a sparse file's data."""
        content, wanted = b"", 1
        while content.count(b"\n") < wanted:
            if len(content) >= min(LARGEST_MAP, member.stored):
                raise RefusedError(f"a map that is too long: {self.place}")
            content += self.take(BLOCK)
            wanted = 1 + 2 * _decimal(content.partition(b"\n")[0], EXTENTS + 1)
        numbers = [_decimal(text, LARGEST) for text in content.split(b"\n")[1:wanted]]
        member.extents, member.map = list(zip(numbers[::2], numbers[1::2], strict=True)), content
        if member.extents and member.extents[-1] == (member.size, 0):
            member.extents.pop()
        ends = [0, *(start + length for start, length in member.extents)]
        starts = [*(start for start, _ in member.extents), member.size]
        whole = len(content) + sum(numbers[1::2]) == member.stored
        rising = all(end <= start for end, start in zip(ends, starts, strict=True)) and all(
            length for _, length in member.extents
        )
        aligned = all(
            not start % DISK_BLOCK and (not length % DISK_BLOCK or start + length == member.size)
            for start, length in member.extents
        )
        if not (whole and rising and aligned) or map_of(member.extents, member.size) != content:
            raise RefusedError(f"a map of something else: {self.place}")


def _octal(content: bytes) -> int:
    digits = content.rstrip(b"\0")
    if not digits or digits.strip(b"01234567"):
        raise RefusedError("a header that is none")
    return int(digits, 8)


def _decimal(content: bytes, most: int) -> int:
    if not content.isdigit() or len(content) > 15 or int(content) > most:
        raise RefusedError(f"a number that is none: {content[:20]!r}")
    return int(content)


def _records(content: bytes) -> Iterator[tuple[str, bytes]]:
    while content:
        length = _decimal(content.partition(b" ")[0][:6], LARGEST_HEADER)
        key, equals, value = content[:length].partition(b" ")[2].partition(b"=")
        if not equals or value[-1:] != b"\n":
            raise RefusedError("an extended header that is none")
        yield key.decode("ascii", "replace"), value[:-1]
        content = content[length:]


def _parsed(block: bytes, extended: dict[str, bytes]) -> Member:
    kind = KINDS.get(block[156:157])
    path = extended.get("GNU.sparse.name", extended.get("path", block[:100].rstrip(b"\0")))
    if kind is None:
        raise RefusedError(f"neither a file nor a directory nor a link: {path[:200]!r}")
    target = extended.get("linkpath", block[157:257].rstrip(b"\0"))
    numbers = [_octal(block[at : at + size]) for at, size in ((100, 8), (108, 8), (116, 8), (124, 12), (136, 12))]
    stored = _decimal(extended["size"], LARGEST) if "size" in extended else numbers[3]
    mode, uid, gid, _, seconds = numbers
    member = Member(decoded(path), kind, decoded(target), stored, stored, mode, uid, gid, seconds)
    if "GNU.sparse.realsize" in extended:
        member.size, member.extents = _decimal(extended["GNU.sparse.realsize"], LARGEST), []
    names_of(member.path)
    if kind == "link":
        names_of(member.target)
    elif kind == "symlink":
        check_target(member.path, member.target)
    # Of a file, the list says how it is to be; all the rest says so in two places.
    wrong = (stored or member.extents is not None) if kind != "file" else member.target
    if wrong or stored > LARGEST or member.mode > 0o7777 or max(member.uid, member.gid) > ADMIN:
        raise RefusedError(f"a member of another form: {member.path[:200]!a}")
    return member


def plain(path: str, content: bytes, seconds: int) -> bytes:
    """Return a file whose content is known, as a member."""
    size = len(content)
    return header(Member(path, "file", "", size, size, 0o600, 0, 0, seconds)) + padded(content)


def read_whole(source: Source, member: Member, most: int) -> bytes:
    """Return the content of a file that has no more than some bytes; raise RefusedError for another member."""
    if member.kind != "file" or member.extents is not None or member.stored > most:
        raise RefusedError(f"no plain file of at most {most} bytes: {member.path[:200]!a}")
    return b"".join(map(bytes, source.content(member.stored)))
