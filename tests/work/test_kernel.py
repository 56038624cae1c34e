"""How much is taken of what the kernel gives to all together, on this host and on one that is made of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chainsaw.host.kernel import taken

ALWAYS = {"processes and threads", "keys", "terminals", "requests of asynchronous I/O"}
KEYS = "    0:    54 53/53 48/1000000 982/25000000\n 1000:    36 36/36 36/200 1398/20000\n"


@pytest.fixture
def host(tmp_path):
    """Return the function that writes a file of /proc or /sys/fs/cgroup; all that was not written cannot be read."""

    def write(path, text):
        place = Path(f"{tmp_path}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    return write


@pytest.fixture
def found(host, tmp_path):
    """Return the function that returns what a user of that host has."""

    def read(uid=1000):
        return {item.what: (item.used, item.limit, item.setting) for item in taken(uid, str(tmp_path))}

    return read


def test_this_host_says_how_much_is_taken():
    items = {item.what: item for item in taken(os.getuid())}
    assert items.keys() >= ALWAYS
    assert 0 < (items["processes and threads"].share or 0) < 1
    ends = os.openpty()
    more = {item.what: item for item in taken(os.getuid())}["terminals"]
    for end in ends:
        os.close(end)
    assert more.used


def test_keys_count_for_the_user_alone(host, found):
    host("/proc/key-users", KEYS)
    assert found()["keys"] == (36, 200, "kernel.keys.maxkeys")
    host("/proc/sys/kernel/keys/maxkeys", "300\n")
    assert found(1001)["keys"][:2] == (0, 300)


def test_the_kernel_keeps_some_terminals_for_itself(host, found):
    for name, text in {"nr": "7", "max": "4096", "reserve": "1024"}.items():
        host(f"/proc/sys/kernel/pty/{name}", f"{text}\n")
    assert found()["terminals"] == (7, 3072, "kernel.pty.max")


def test_processes_are_the_users_where_those_have_a_limit_and_else_the_hosts(host, found):
    host("/proc/loadavg", "0.53 1.95 3.56 1/301 31337\n")
    host("/proc/sys/kernel/threads-max", "15000\n")
    assert found()["processes and threads"] == (301, 15000, "kernel.threads-max")
    group = "/sys/fs/cgroup/user.slice/user-1000.slice"
    host(f"{group}/pids.current", "212\n")
    host(f"{group}/pids.max", "max\n")
    assert found()["processes and threads"] == (301, 15000, "kernel.threads-max")
    host(f"{group}/pids.max", "5069\n")
    assert found()["processes and threads"] == (212, 5069, "TasksMax of user-1000.slice")


def test_open_files_and_tracked_connections_are_named_where_they_have_a_limit(host, found):
    host("/proc/sys/fs/file-nr", "6323\t0\t2466183\n")
    host("/proc/sys/fs/file-max", "2466183\n")
    assert found()["open files"] == (6323, 2466183, "fs.file-max")
    host("/proc/sys/fs/file-max", f"{2**63 - 1}\n")
    assert found().keys() == ALWAYS
    host("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n")
    host("/proc/sys/net/netfilter/nf_conntrack_count", "116\n")
    assert found()["tracked connections"] == (116, 262144, "net.netfilter.nf_conntrack_max")


def test_what_cannot_be_read_is_not_known(host, found):
    assert {what: item[:2] for what, item in found().items()} == dict.fromkeys([*ALWAYS, "open files"], (None, None))
