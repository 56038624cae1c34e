"""Applications that are written to: how a client does that, and what a restored one must have."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections import defaultdict
from typing import ClassVar, Protocol
from urllib.parse import urlencode
from xml.etree import ElementTree

from .machine import Machine
from .test_applications import JSON, by_name, password_of
from .web import Answer, ask
from .wordpress import Visitor
from .writers import noise, opened, sealed

PLACES = 8
"""Pages, or events, that a client writes one after the other, and over and over."""
Numbers = dict[int, list[int]]
"""For each client, the numbers of its writes that are there."""


class Application(Protocol):
    """An application, how it is written to and read, and what a restored one must have."""

    settings: ClassVar[dict[str, object]]
    way: ClassVar[str]

    def __init__(self, machine: Machine, name: str) -> None: ...
    def write(self, client: int, number: int) -> None: ...
    def read(self) -> None: ...
    def check(self, name: str, before: list[int]) -> Numbers: ...


def url(name: str) -> str:
    return f"https://{name}.localhost/"


def lasting(number: int) -> list[int]:
    """Return which of so many writes are not written over, by place."""
    return sorted(range(max(0, number - PLACES), number), key=lambda write: write % PLACES)


# WordPress

POSTS = """\
require '/usr/share/wordpress/wp-load.php';
$found = [];
foreach (get_posts(['post_type' => ['post', 'attachment'], 'post_status' => 'any', 'numberposts' => -1]) as $post) {
    $row = ['title' => $post->post_title, 'content' => $post->post_content, 'type' => $post->post_type, 'sizes' => []];
    $file = get_attached_file($post->ID);
    if ($file) {
        $made = wp_get_attachment_metadata($post->ID) ?: [];
        $row['sha256'] = hash_file('sha256', $file);
        foreach ([...array_values($made['sizes'] ?? []), ...($made ? [['file' => $file] + $made] : [])] as $one) {
            $path = dirname($file) . '/' . basename($one['file']);
            $row['sizes'][] = [$path, $one['filesize'], is_file($path) ? filesize($path) : null];
        }
    }
    $found[] = $row;
}
echo json_encode($found);
"""


def picture(client: int, number: int) -> bytes:
    """Return a PNG of 320 by 320 grey pixels, of which smaller ones are made."""
    side = 320
    pixels = noise(client, number, side * side)
    lines = b"".join(b"\0" + pixels[start : start + side] for start in range(0, len(pixels), side))
    chunks = (
        (b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


class WordPress:
    """Clients write posts and upload pictures in turn, each with its number as the title."""

    settings: ClassVar[dict[str, object]] = {}
    way: ClassVar[str] = "running"

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.url = machine, url(name)
        self.visitor = Visitor(machine, self.url, password_of(machine, name))

    def write(self, client: int, number: int) -> None:
        if number % 2:
            self.visitor.write(f"{client}-{number}", sealed(client, number))
        else:
            self.visitor.add(f"{client}-{number}.png", picture(client, number), "image/png")

    def read(self) -> None:
        assert self.machine.get(f"{self.url}wp-json/wp/v2/posts?per_page=3").status == 200
        assert self.machine.get(self.url).status == 200

    def check(self, name: str, before: list[int]) -> Numbers:
        found: Numbers = defaultdict(list)
        for row in json.loads(self.machine.inside(f"{name}.app", "php", "-r", POSTS)):
            title = re.fullmatch(r"(\d+)-(\d+)", row["title"])
            if title is None:
                continue
            client, number = int(title[1]), int(title[2])
            found[client].append(number)
            assert [path for path, said, size in row["sizes"] if said != size] == []
            if row["type"] == "post":
                assert opened(row["content"]) == (client, number)
            elif number < before[client] or "sha256" in row:
                assert row["sha256"] == hashlib.sha256(picture(client, number)).hexdigest()
                assert len(row["sizes"]) == 3 or number >= before[client], row
        return found


# Miniflux


class Miniflux:
    """Clients add categories."""

    settings: ClassVar[dict[str, object]] = {}
    way: ClassVar[str] = "running"

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name = machine, name
        self.headers = by_name("admin", password_of(machine, name))

    def write(self, client: int, number: int) -> None:
        body = json.dumps({"title": f"{client}-{number}"})
        answer = self.machine.post(f"{url(self.name)}v1/categories", body, headers={**self.headers, **JSON})
        assert answer.status == 201, answer

    def read(self) -> None:
        self.categories(self.name)

    def categories(self, name: str) -> list[str]:
        answer = self.machine.get(f"{url(name)}v1/categories", headers=self.headers)
        assert answer.status == 200, answer
        return [row["title"] for row in json.loads(answer.body)]

    def check(self, name: str, before: list[int]) -> Numbers:
        found: Numbers = defaultdict(list)
        for title in self.categories(name):
            if re.fullmatch(r"\d+-\d+", title):
                found[int(title.partition("-")[0])].append(int(title.partition("-")[2]))
        return found


# DokuWiki

PAGES = """\
$found = [];
foreach (glob('/srv/data/pages/c*.txt') as $file) {
    $page = basename($file, '.txt');
    $changes = explode("\\n", file_get_contents("/srv/data/meta/$page.changes"));
    $found[$page] = ['text' => file_get_contents($file), 'time' => filemtime($file), 'rest' => array_pop($changes)];
    foreach ($changes as $change) {
        [$time, , , $name] = explode("\\t", $change);
        $former = implode('', gzfile("/srv/data/attic/$page.$time.txt.gz"));
        $found[$page]['changes'][] = [(int) $time, $name, $former];
    }
}
echo json_encode($found);
"""


class DokuWiki:
    """Clients write over pages, each of which keeps its history."""

    settings: ClassVar[dict[str, object]] = {"policy": "open"}
    way: ClassVar[str] = "quiesced"

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.url = machine, url(name)

    def write(self, client: int, number: int) -> None:
        sent = urlencode({"wikitext": sealed(client, number), "do[save]": "1"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.machine.post(f"{self.url}c{client}p{number % PLACES}", sent, headers=headers)
        assert answer.status == 302, answer

    def read(self) -> None:
        assert self.machine.get(f"{self.url}start?do=login").status == 200

    def check(self, name: str, before: list[int]) -> Numbers:
        found: Numbers = defaultdict(list)
        for page, kept in json.loads(self.machine.inside(f"{name}.app", "php", "-r", PAGES)).items():
            client, number = opened(kept["text"])
            assert page == f"c{client}p{number % PLACES}"
            assert (kept["time"], page, kept["text"]) == tuple(kept["changes"][-1])
            assert kept["rest"] == "", "a line of the changes is half written"
            writes = list(range(number % PLACES, number + 1, PLACES))
            # Of two within a second, DokuWiki keeps the texts as one revision.
            last = {time: write for (time, _, _), write in zip(kept["changes"], writes, strict=True)}
            for time, _, former in kept["changes"]:
                assert opened(former) == (client, last[time])
            assert opened(self.machine.get(f"{url(name)}_export/raw/{page}").body) == (client, number)
            found[client] += writes
        return found


# Radicale

EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//chainsaw//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T000000Z
DTSTART:20260101T100000Z
SUMMARY:{text}
END:VEVENT
END:VCALENDAR
"""
DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
ETAGS = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
EVENTS = """\
<c:calendar-query xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><prop><getetag/><c:calendar-data/></prop>
<c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>
"""
CHANGED = (
    '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>'
)


class Radicale:
    """Clients write over the events of a calendar, whose etags are known."""

    settings: ClassVar[dict[str, object]] = {}
    way: ClassVar[str] = "quiesced"

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name = machine, name
        self.headers = by_name("admin", password_of(machine, name))
        self.etags: dict[tuple[int, int], str] = {}
        assert self.ask(name, "MKCALENDAR", "").status == 201

    def ask(self, name: str, method: str, path: str, body: str = "", **headers: str) -> Answer:
        sent = {**self.headers, **{key.replace("_", "-"): value for key, value in headers.items()}}
        place = f"{url(name)}admin/kept/{path}"
        return ask(self.machine.address, self.machine.authority, method, place, body=body, headers=sent)

    def write(self, client: int, number: int) -> None:
        uid = f"c{client}p{number % PLACES}"
        event = EVENT.format(uid=uid, text=sealed(client, number)).replace("\n", "\r\n")
        answer = self.ask(self.name, "PUT", f"{uid}.ics", event, Content_Type="text/calendar")
        assert answer.status in (201, 204), answer
        self.etags[client, number] = answer.headers["etag"]

    def read(self) -> None:
        self.listed(self.name, "PROPFIND", ETAGS)

    def listed(self, name: str, method: str, body: str) -> dict[str, tuple[str, str]]:
        """Return the etag and the content, if it is asked for, of each event."""
        answer, found = self.ask(name, method, "", body, Depth="1"), {}
        assert answer.status == 207, answer
        for response in ElementTree.fromstring(answer.body).iter(f"{DAV}response"):
            etag = response.findtext(f".//{DAV}getetag") or ""
            content = response.findtext(f".//{CALDAV}calendar-data") or ""
            found[(response.findtext(f"{DAV}href") or "").rpartition("/")[2]] = (etag, content)
        found.pop("", None)
        return found

    def check(self, name: str, before: list[int]) -> Numbers:
        found: Numbers = defaultdict(list)
        events = self.listed(name, "REPORT", EVENTS)
        etags = {path: (etag, "") for path, (etag, _) in events.items()}
        assert self.listed(name, "PROPFIND", ETAGS) == etags == self.listed(name, "REPORT", CHANGED)
        for path, (etag, content) in events.items():
            event = re.sub(r"\r?\n[ \t]", "", content)
            client, number = opened(event.partition("SUMMARY:")[2].partition("\n")[0])
            assert path == f"c{client}p{number % PLACES}.ics"
            assert etag == self.etags[client, number]
            found[client].append(number)
        files = {*self.machine.inside(f"{name}.app", "ls", "-A", "/srv/data/collection-root/admin/kept").split()}
        assert files == {".Radicale.cache", ".Radicale.props", *events}
        # No place holds an earlier event than it had when the latest was written.
        for client, numbers in found.items():
            assert sorted(numbers, key=lambda write: write % PLACES) == lasting(max(numbers) + 1)
            found[client] = list(range(max(numbers) + 1))
        return found


APPLICATIONS: dict[str, type[Application]] = {
    "wordpress": WordPress,
    "miniflux": Miniflux,
    "dokuwiki": DokuWiki,
    "radicale": Radicale,
}
