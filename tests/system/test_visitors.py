"""What a visitor sends, or an application answers, harms neither the front nor another site."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from .machine import Machine, wait
from .web import connect, raw

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

GADGET, MIRROR = "https://gadget.localhost/", "https://mirror.localhost/"
CLAIMS = {
    "Remote-User": "",
    "REMOTE-EMAIL": "",
    "X-Remote-Groups": "",
    "X-Webauth-User": "",
    "X-Auth-Request-Email": "",
    "X-Forwarded-User": "",
    "X-Forwarded-Access-Token": "",
    "X-Forwarded": "",
    "Forwarded": "",
    "SSL-Client-S-DN": "",
    "X-Client-IP": "",
    "True-Client-IP": "",
    "CF-Connecting-IP": "",
    "X-Original-URL": "",
    "X-Rewrite-URL": "",
    "CF-Access-Authenticated-User-Email": "",
    "X-Goog-IAP-JWT-Assertion": "",
    "OIDC-CLAIM-email": "",
    "Proxy": "",
    "X_Remote_User": "",
    "X-Club-Member": "",
}
"""What nobody may say about himself; the last one is what a recipe adds."""
OTHERS = {"X-WP-Nonce": "n", "Depth": "1", "X-Hub-Signature-256": "s", "X-Auth-Token": "t", "X-Requested-With": "r"}
EVIL = "evil.example"


@pytest.fixture(scope="module", autouse=True)
def sites(machine: Machine, www: str) -> Iterator[None]:
    """One site over HTTP, one over FastCGI."""
    with machine.running("gadget", "mirror"):
        yield


@pytest.fixture(autouse=True)
def unharmed(machine: Machine, www: str) -> Iterator[None]:
    """After each test the front is the same process, and answers."""
    before = machine.invocations()["chainsaw-front.service"]
    yield
    assert machine.get(www).status == 200
    assert machine.invocations()["chainsaw-front.service"] == before


def variables(machine: Machine, **headers: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(machine.get(MIRROR, headers=headers).body)
    return found


def test_nobody_says_who_he_is_and_where_from(machine: Machine) -> None:
    sent = {**dict.fromkeys(CLAIMS, EVIL), **OTHERS}
    seen = machine.get(GADGET, headers=sent).body
    assert EVIL not in seen
    for name, value in OTHERS.items():
        assert f"{name.lower()}: {value}\n" in seen
    inside = variables(machine, **sent)
    assert EVIL not in json.dumps(inside)
    for name, value in OTHERS.items():
        assert inside["HTTP_" + name.upper().replace("-", "_")] == value


@pytest.mark.parametrize("target", ["/", "https://evil.example/", "http://mirror.localhost:1@evil.example/"])
def test_the_host_is_that_of_the_route(machine: Machine, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: mirror.localhost:1\r\nConnection: close\r\n\r\n"
    answer = tls(machine, "mirror.localhost", request.encode())
    if answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"evil" not in head
        found = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1]) if b"{" in body else {}
        assert found.get("HTTP_HOST", "mirror.localhost") == "mirror.localhost"
        assert found.get("SERVER_NAME", "mirror.localhost") == "mirror.localhost"


def connected(machine: Machine, host: str) -> ssl.SSLSocket:
    return connect(machine.address, machine.authority, host)


def tls(machine: Machine, host: str, sent: bytes) -> bytes:
    with connected(machine, host) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize("url", [f"{GADGET}accel", f"{MIRROR}rude.php"])
def test_an_application_cannot_ask_the_front_for_a_file(machine: Machine, url: str) -> None:
    answer = machine.get(url)
    assert answer.status == 200
    assert answer.body == "mine" or "host: gadget.localhost\n" in answer.body
    assert "x-accel-redirect" not in answer.headers


def test_an_application_cannot_forge_the_request_of_a_visitor(machine: Machine) -> None:
    machine.get(f"{MIRROR}rude.php?this-one")
    assert wait(lambda: "rude.php?this-one" in machine.chainsaw("logs", "mirror", "--access").out, 10)
    assert '"GET /forged' in machine.journal("-u", "chainsaw-front", "-o", "cat"), (
        "the front repeats it in its own name"
    )
    for words in (["--access"], ["--all"]):
        shown = machine.chainsaw("logs", "mirror", *words).out.splitlines()
        assert not [line for line in shown if " visitor " in line and "/forged" in line]
    entries = machine.json("logs", "mirror", "--all")["data"]["entries"]
    assert not [entry for entry in entries if entry["from"] == "visitor" and "/forged" in entry["text"]]


def test_a_visitor_cannot_begin_a_line_of_the_access_log(machine: Machine) -> None:
    """What is too long for one line, or written by two workers at once, would go on in a line of its own."""
    line = ' gadget 192.0.2.1 - "GET /forged HTTP/1.1" 200 5 0.001 "-" "-"'
    headers = {"User-Agent": line * 120, "Referer": line * 120}
    for number in range(20):
        machine.get(f"{MIRROR}?long-{number}&{'%22' * 2000}", headers=headers)
    assert wait(lambda: "?long-19" in machine.chainsaw("logs", "mirror", "--access").out, 10)
    rows = machine.json("logs", "gadget", "--access")["data"]["entries"]
    assert not [row for row in rows if "/forged" in row["text"]]
    rows = machine.json("logs", "mirror", "--access", "--lines", "40")["data"]["entries"]
    assert len([row for row in rows if "?long-" in row["text"]]) == 20
    assert all(len(row["text"]) < 4096 for row in rows)


def test_what_an_application_writes_does_not_reach_a_terminal(machine: Machine) -> None:
    machine.inside("mirror.app", "sh", "-c", r"printf '\033]0;taken\007 said so\n' > /proc/1/fd/2")
    assert wait(lambda: "said so" in machine.chainsaw("logs", "mirror").out, 10)
    for words in ([], ["--all"], ["--json"]):
        assert "\x1b" not in machine.chainsaw("logs", "mirror", *words).out
    assert "\\x1b]0;taken\\x07 said so" in machine.chainsaw("logs", "mirror").out
    assert "\x1b]0;taken\x07 said so" in machine.chainsaw("logs", "mirror", "--raw").out


def buffered(machine: Machine) -> int:
    """Return how many bytes of the disk the open, deleted files of the front take."""
    script = """
        for process in $(pgrep -f "nginx: worker"); do
            for file in /proc/$process/fd/*; do
                case "$(readlink "$file")" in */buffers/*) stat -L -c %b "$file" ;; esac
            done
        done
    """
    return 512 * sum(map(int, machine.root("sh", "-c", script).split()))


def test_a_slow_download_takes_neither_memory_nor_disk(machine: Machine) -> None:
    with connected(machine, "gadget.localhost") as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /large HTTP/1.1\r\nHost: gadget.localhost\r\n\r\n")
        assert slow.recv(1024)
        time.sleep(2)
        assert buffered(machine) < 6 * 2**20
        assert memory(machine) < 100 * 2**20


def memory(machine: Machine) -> int:
    """What the front uses and cannot give back, bytes: memory of its own, and files in memory."""
    script = """
        for process in $(pgrep -f "^nginx: "); do
            grep RssAnon: /proc/$process/status | tr -dc 0-9; echo
            files=$process
        done
        df -k --output=used /proc/$files/root/tmp | tail -n 1
    """
    return 1024 * sum(map(int, machine.root("sh", "-c", script).split()))


def test_unfinished_uploads_are_on_the_disk_and_few(machine: Machine) -> None:
    size = 60 * 10**6
    head = f"POST /upload HTTP/1.1\r\nHost: gadget.localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(12):
            upload = stack.enter_context(closing(connected(machine, "gadget.localhost")))
            upload.sendall(head + b"x" * (10 * 10**6))
        assert wait(lambda: buffered(machine) > 60 * 10**6, 10)
        assert memory(machine) < 100 * 2**20
        assert b" 503 " in tls(machine, "gadget.localhost", head).split(b"\r\n")[0]
        assert machine.get(GADGET).status == 200
        assert machine.post(f"{GADGET}upload", "a small form").body == "got 12\n"
    assert wait(lambda: buffered(machine) < 10**6, 20)


UPLOADS = """
import socket, ssl, sys, time
source, host, times, refused = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
context = ssl._create_unverified_context()
head = f"POST /upload HTTP/1.1\\r\\nHost: {host}\\r\\nContent-Length: 5000000\\r\\n\\r\\n"
sent = []
for _ in range(times):
    plain = socket.create_connection((source, 443), source_address=(source, 0))
    sent.append(context.wrap_socket(plain, server_hostname=host))
    sent[-1].sendall(head.encode() + b"x" * 1000)
answered, deadline = [], time.monotonic() + 10
def look():
    for one in sent:
        one.settimeout(0.02)
        try:
            answered.append(one.recv(12)[9:].decode())
            one.close()
        except TimeoutError:
            continue
    sent[:] = [one for one in sent if one.fileno() >= 0]
while len(answered) < refused and time.monotonic() < deadline:
    look()
look()
print(*answered, flush=True)
time.sleep(60)
"""
"""Holds uploads of one address, of which so many are to be refused; prints the statuses of those that were."""


def test_all_addresses_together_hold_few_uploads_of_a_site_and_of_all(machine: Machine, www: str) -> None:
    wanted = [("a", "gadget", 12, 0), ("b", "gadget", 12, 8), ("c", "mirror", 12, 0), ("d", "mirror", 12, 8)]
    with ExitStack() as stack:
        for end, name, times, refused in [*wanted, ("e", "shop", 2, 2)]:
            source = machine.newcomer(f"fd00:0:0:{end}::1").strip("[]")
            words = (source, f"{name}.localhost", str(times), str(refused))
            uploads = machine.begin("python3", "-c", UPLOADS, *words)
            stack.callback(uploads.communicate)
            stack.callback(uploads.terminate)
            assert uploads.stdout and uploads.stdout.readline().split() == ["503"] * refused, words
        assert memory(machine) < 100 * 2**20
        for name in ("gadget", "mirror", "shop", "www"):
            assert machine.get(f"https://{name}.localhost/").status == 200
        assert machine.post(f"{GADGET}upload", "a small form").body == "got 12\n"
    assert machine.post(f"{GADGET}upload", b"x" * 5_000_000).body == "got 5000000\n"


@pytest.mark.parametrize("url", [f"{GADGET}upload", MIRROR, f"{MIRROR}index.php", f"{MIRROR}a/pretty/page"])
def test_who_asks_for_a_page_sends_no_file(machine: Machine, url: str) -> None:
    """Over HTTP/2 the header of a request does not say that a body follows, nor how long it is."""
    sent = 'head -c 3M /dev/zero | curl -sk --http2 -X "$0" -T - -o /dev/null -w "%{http_version} %{http_code}" "$1"'
    assert machine.admin("sh", "-c", sent, "GET", url) == "2 413"
    assert machine.admin("sh", "-c", sent, "POST", url) == "2 200"
    assert machine.admin("curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_code}", url) == "200"


def form(size: int) -> str:
    """Return a form with a file of so many bytes, as a browser sends it."""
    before = '--edge\r\nContent-Disposition: form-data; name="file"; filename="walk.txt"\r\n\r\n'
    return f"{before}{'x' * size}\r\n--edge--\r\n"


def test_a_file_of_the_limit_is_taken_and_for_a_larger_one_there_is_a_page(machine: Machine) -> None:
    for name in ("gadget", "mirror"):
        machine.chainsaw("config", "set", name, "upload_limit", "1M")
    machine.chainsaw("apply")
    kind, limit = {"Content-Type": "multipart/form-data; boundary=edge"}, 2**20
    assert json.loads(machine.post(MIRROR, form(limit), headers=kind).body)["sizes"] == [limit]
    assert machine.post(f"{GADGET}upload", form(limit), headers=kind).body == f"got {len(form(limit))}\n"
    for url in (MIRROR, f"{MIRROR}index.php", f"{MIRROR}a/b", GADGET):
        refused = machine.post(url, form(3 * limit), headers=kind)
        assert refused.status == 413, url
        assert "This site takes files of up to 1 MB." in refused.body, url


def test_a_large_upload_passes_through(machine: Machine) -> None:
    machine.chainsaw("config", "set", "gadget", "upload_limit", "512M")
    machine.chainsaw("apply")
    size, block = 300 * 2**20, b"x" * 2**20
    with connected(machine, "gadget.localhost") as upload:
        upload.settimeout(60)
        upload.sendall(f"POST /upload HTTP/1.1\r\nHost: gadget.localhost\r\nContent-Length: {size}\r\n\r\n".encode())
        for number in range(size // len(block)):
            upload.sendall(block)
            if number == 250:
                assert buffered(machine) < 6 * 2**20
        received = b""
        while b"got " not in received:
            received += upload.recv(65536)
    assert f"got {size}".encode() in received


HOLDING = """
    my @held = map { IO::Socket::INET->new("127.0.0.1:$_") or die $! } (80, 443) x 1000;
    syswrite STDOUT, scalar(@held) . "\\n";
    sleep 60;
"""
"""Holds connections that are no address's own: those of the loopback are not counted."""


def test_connections_without_a_request_keep_nobody_out(machine: Machine, www: str) -> None:
    holding = machine.begin("sh", "-c", 'ulimit -n 4096; exec perl -MIO::Socket::INET -e "$0"', HOLDING)
    try:
        assert holding.stdout and holding.stdout.readline() == "2000\n"
        began = time.monotonic()
        assert machine.get(www).status == 200
        assert raw(machine.address, 80, b"GET / HTTP/1.1\r\nHost: www.localhost\r\nConnection: close\r\n\r\n")
        assert time.monotonic() - began < 5
        assert memory(machine) < 200 * 2**20
    finally:
        holding.terminate()
        holding.communicate(timeout=30)


SLOW = [
    b"GET / HTTP/1.1\r\nHost: blog.localhost\r\nX-Slow: ",
    b"POST /wp-comments-post.php HTTP/1.1\r\nHost: blog.localhost\r\nContent-Length: 900000\r\n\r\n",
    b"GET /?slow= HTTP/1.1\r\nHost: blog.localhost\r\n\r\n",
]
"""Who sends a header, or a form, byte after byte, and who does not read what he asked for."""


def test_300_who_send_and_read_slowly_keep_nobody_out_of_a_blog(machine: Machine, blog: str) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(connected(machine, "blog.localhost"))) for _ in range(300)]
        for number, connection in enumerate(slow):
            connection.sendall(SLOW[number % 3].replace(b"slow=", b"slow=%d" % number))
        machine.admin("curl", "-sk", f"{blog}?before=1")
        for number in range(5):
            for connection in slow[0::3] + slow[1::3]:
                connection.sendall(b"x")
            began = time.monotonic()
            page = machine.admin("curl", "-sk", "-m", "10", "-w", "%{http_code}", f"{blog}?quick={number}")
            assert page.endswith("</html>\n200") and time.monotonic() - began < 5


def test_one_address_holds_only_so_many_connections(machine: Machine, www: str) -> None:
    with ExitStack() as stack:
        held = 0
        for port in [80, 443] * 300:
            with suppress(ConnectionRefusedError):
                stack.enter_context(socket.create_connection((machine.address, port), timeout=20))
                held += 1
        assert 500 <= held <= 512
        with pytest.raises(ConnectionRefusedError):
            machine.get(www)
        assert "<html" in machine.admin("curl", "-sk", www), "another address"
    assert wait(lambda: answers(machine, www), 20)


def asked(machine: Machine, source: str, url: str, times: int, at_once: int) -> str:
    """Return all that the front answers to requests that one address sends side by side."""
    return machine.admin(
        *("curl", "-sik", "--http1.1", "--interface", source.strip("[]"), "--connect-to", f"::{source}:443"),
        *("--parallel", "--parallel-immediate", "--parallel-max", str(at_once), f"{url}?[1-{times}]"),
    )


def statuses(answers: str) -> Counter[str]:
    return Counter(re.findall(r"HTTP/1.1 (\d+)", answers))


@pytest.mark.parametrize(("url", "source"), [(GADGET, "fd00:0:0:1::1"), (MIRROR, "fd00:0:0:2::1")])
def test_who_takes_page_after_page_has_to_wait_and_nobody_else(
    machine: Machine, www: str, url: str, source: str
) -> None:
    busy = machine.newcomer(source)
    assert set(statuses(asked(machine, busy, url, 150, 50))) == {"200"}, "a browser with much to ask for"
    taken = asked(machine, busy, url, 1800, 250)
    counted = statuses(taken)
    assert set(counted) == {"200", "429"} and min(counted.values()) > 100, counted
    assert "Too many requests" in taken
    assert len(re.findall("(?i)^retry-after: 10\\s*$", taken, re.MULTILINE)) == counted["429"]
    assert set(statuses(asked(machine, machine.address, url, 150, 50))) == {"200"}, "another address"
    assert set(statuses(asked(machine, busy, www, 300, 100))) == {"200"}, "what the front has itself"
    assert set(statuses(asked(machine, busy, url, 60, 1))) == {"200"}, "one after the other has to wait"


def test_a_browser_that_wants_much_at_once_waits_and_is_not_refused(machine: Machine) -> None:
    """Over HTTP/2, one connection has as many requests on their way as the front allows."""
    source = machine.newcomer("fd00:0:0:5::1")
    words = [
        "--http2",
        "--parallel",
        "--parallel-max",
        "128",
        "-o",
        "/dev/null",
        "-w",
        "%{http_version} %{http_code}\\n",
    ]
    to = ["--interface", "fd00:0:0:5::1", "--connect-to", f"::{source}:443"]
    out = machine.admin("curl", "-sk", *words, *to, f"{GADGET}?[1-750]")
    assert Counter(out.splitlines()) == {"2 200": 750}


def test_all_addresses_of_a_household_are_one(machine: Machine) -> None:
    """In IPv6 it has 2^64 of them."""
    one, another, neighbour = (machine.newcomer(f"fd00:0:0:{end}") for end in ("3::1", "3::2", "4::1"))
    assert statuses(asked(machine, one, GADGET, 1800, 250))["429"] > 100
    assert "429" in statuses(asked(machine, another, GADGET, 400, 250))
    assert set(statuses(asked(machine, neighbour, GADGET, 150, 150))) == {"200"}


def test_the_limit_stays_whatever_becomes_of_other_rules(machine: Machine, www: str) -> None:
    """Debian's own rules begin with the removal of all others."""
    for verb in ("start", "reload", "restart", "stop"):
        machine.root("systemctl", verb, "nftables")
        assert wait(lambda: "ct count over 512" in machine.root("nft", "list", "ruleset"), 5), verb


def answers(machine: Machine, url: str) -> bool:
    """Return whether a page comes; a connection that is refused is none."""
    try:
        return machine.get(url).status == 200
    except OSError:
        return False
