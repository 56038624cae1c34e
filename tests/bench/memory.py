"""The memory of an idle WordPress and of the front, and of upstream's usual layout."""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import site
from .byhand import TEMPLATE
from .measure import BenchError, do, say, wait_until
from .report import Row
from .web import first_page, get

HERE = Path(__file__).resolve().parent
QUADLETS = Path.home() / ".config/containers/systemd"
PORT = 8080
REQUESTS = 40
CLIENTS = 4
IDLE = 60
MIB = 1024


def _pss(*units: str) -> dict[str, float]:
    """Return the proportional memory of all processes of some units, in MB, by the name of the program."""
    found: dict[str, float] = {}
    for unit in units:
        group = do("systemctl", "--user", "show", "--property=ControlGroup", "--value", unit).strip()
        files = Path("/sys/fs/cgroup", group.lstrip("/")).rglob("cgroup.procs")
        pids = [pid for file in files for pid in file.read_text().split()]
        if not pids:
            raise BenchError(f"{unit} does not run")
        for pid in pids:
            name = Path("/proc", pid, "comm").read_text().strip()
            lines = do("sudo", "cat", f"/proc/{pid}/smaps_rollup").splitlines()
            kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            found[name] = found.get(name, 0.0) + kilobytes / MIB
    return found


def _usual() -> None:
    """Start Apache with WordPress, and MariaDB, both as their packages configure them, and install the site."""
    for name in ("web", "db"):
        say(f"building the usual {name} …")
        do("podman", "build", "--quiet", "--tag", f"localhost/bench/usual-{name}", HERE / "usual" / name)
    QUADLETS.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "usual/usual.network", QUADLETS)
    for name in ("web", "db"):
        shutil.copy(HERE / f"usual/{name}.container", QUADLETS / f"usual-{name}.container")
    do("systemctl", "--user", "daemon-reload")
    do("systemctl", "--user", "start", "usual-web.service")
    wait_until(lambda: _plain("/wp-admin/install.php", "Welcome"), "the installer of WordPress")
    form = {
        "weblog_title": site.TITLE, "user_name": "admin", "admin_password": "a-Password-0f-some-length",
        "admin_password2": "a-Password-0f-some-length", "admin_email": "admin@example.org", "blog_public": "0",
    }  # fmt: skip
    _plain("/wp-admin/install.php?step=2", "", urllib.parse.urlencode(form))
    wait_until(lambda: _plain("/", site.TITLE), "the usual WordPress")


def _plain(path: str, needle: str, form: str = "") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        connection.request("POST" if form else "GET", path, form or None, {"Host": f"localhost:{PORT}", **kind})
        answer = connection.getresponse()
        return answer.status == 200 and needle.encode() in answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _visit(page: Callable[[], bool]) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda _: page(), range(REQUESTS)))
    if not all(answers):
        raise BenchError(f"{answers.count(False)} of {REQUESTS} pages failed")


def _told(found: dict[str, float]) -> str:
    parts = ", ".join(f"{name} {value:.0f}" for name, value in sorted(found.items(), key=lambda item: -item[1]))
    return f"{sum(found.values()):.1f} MB ({parts})"


def rows() -> list[Row]:
    """Measure both a minute after their last request."""
    site.declare(TEMPLATE, "wordpress")
    site.wait_until_quiet("a WordPress")
    _usual()
    first_page(site.host(TEMPLATE), site.TITLE)
    _visit(lambda: get(site.host(TEMPLATE))[0] == 200)
    _visit(lambda: _plain("/", site.TITLE))
    say(f"idle for {IDLE} s …")
    time.sleep(IDLE)
    ours = _pss(f"app@{TEMPLATE}.service", f"app@{TEMPLATE}.db.service")
    front, usual = _pss("chainsaw-front.service"), _pss("usual-web.service", "usual-db.service")
    shared = f"{sum(ours.values()) / sum(usual.values()):.2f}"
    do("systemctl", "--user", "stop", "usual-web.service", "usual-db.service")
    what = f"memory (PSS) of a WordPress, {IDLE} s after {REQUESTS} pages; peer: Apache, mod_php, MariaDB as packaged"
    return [
        Row(what, _told(ours), _told(usual), shared, "< 110 MB"),
        Row("memory (PSS) of the front", _told(front), target="< 15 MB"),
    ]
