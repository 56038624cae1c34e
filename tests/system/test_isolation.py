"""Two WordPress instances are isolated, even when an attacker controls one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest

from .machine import DATA, HOME, Done, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

# Inside, a process that was taken over has PHP at hand, and no other tool for sockets.
CONNECT = """foreach (array_slice($argv, 1) as $where) {
    $open = @stream_socket_client($where, $code, $message, 2);
    echo $where, $open ? ' is open' : ' is closed', "\\n";
}"""


@pytest.fixture(scope="module")
def pair(machine: Machine, blog: str, shop: str) -> tuple[str, str]:
    machine.inside("blog.app", "sh", "-c", "echo of the blog alone > /srv/content/uploads/private.txt")
    return blog, shop


def test_each_answers_with_its_own_title(machine: Machine, pair: tuple[str, str]) -> None:
    assert "<title>Walks by the sea</title>" in machine.get(pair[0]).body
    assert "<title>Buckets and spades</title>" in machine.get(pair[1]).body


def test_blocks_do_not_overlap(machine: Machine, pair: tuple[str, str]) -> None:
    starts = sorted(machine.block(name) for name in ("front", "blog", "shop"))
    assert all(second - first >= 65536 for first, second in pairwise(starts))
    maps = {}
    for container in ("blog.app", "blog.db", "shop.app", "shop.db", "chainsaw-front"):
        pid = machine.admin("podman", "inspect", "--format", "{{.State.Pid}}", container).strip()
        for kind in ("uid_map", "gid_map"):
            inside, outside, count = map(int, machine.root("cat", f"/proc/{pid}/{kind}").split())
            owner = container.split(".")[0].removeprefix("chainsaw-")
            assert (inside, outside, count) == (0, machine.block(owner), 65536), container
            maps[container] = outside
    assert len(set(maps.values())) == 3


def test_ps_shows_the_host_users(machine: Machine, pair: tuple[str, str]) -> None:
    machine.admin("sudo", "chainsaw", "setup")
    processes = machine.admin("ps", "-eo", "user:24,args").splitlines()
    owners = {(line.split()[0], word) for line in processes for word in ("php-fpm", "mariadbd") if f" {word}" in line}
    wanted = {(f"chainsaw-{name}", word) for name in ("blog", "shop") for word in ("php-fpm", "mariadbd")}
    assert {item for item in owners if item[0].startswith("chainsaw")} == wanted
    assert machine.admin("id", "-un", str(machine.block("blog") + 1000)) == "chainsaw-blog\n"


@pytest.mark.parametrize("container", ["shop.app", "shop.db"])
def test_root_of_a_container_sees_its_own_files_alone(machine: Machine, pair: tuple[str, str], container: str) -> None:
    done = machine.inside_as_root(
        container, "sh", "-c", "cat /proc/self/mountinfo; ls -R /srv /run /home 2>&1; ls /proc"
    )
    assert "shop" in done.out
    for trace in ("/blog", "sockets/", "private.txt", "certificates", "generations/1/nginx"):
        assert trace not in done.out, trace
    numbers = [word for word in done.out.splitlines() if word.isdigit()]
    assert len(numbers) < 20, "only the processes of the container itself"


@pytest.mark.parametrize("user", [0, 1000])
def test_a_process_that_broke_out_reads_nothing_of_another(machine: Machine, pair: tuple[str, str], user: int) -> None:
    """With the ids of the shop on the host, even where the admin's home is open to everybody."""
    ids = machine.block("shop") + user
    escaped = [
        "setpriv",
        f"--reuid={ids}",
        f"--regid={ids}",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]
    machine.root("chmod", "755", HOME, f"{HOME}/.local/share")
    try:
        places = [
            f"{DATA}/instances/blog/secrets",
            f"{DATA}/instances/blog/volumes/database",
            f"{DATA}/front/authority/ca.key",
        ]
        places += [f"{DATA}/instances/blog/secrets/salt", f"{DATA}/front/certificates/blog.localhost/pair.pem"]
        for place in places:
            assert machine.exists(place), place
            command = ["sh", "-c", 'cat "$0" 2>/dev/null || ls "$0"', place]
            assert machine.try_root(*escaped, *command).code != 0, place
        for socket in (f"{DATA}/sockets/blog.sock", f"{DATA}/instances/blog/run/mysqld.sock"):
            assert machine.exists(socket), socket
            connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
            assert machine.try_root(*escaped, "python3", "-c", connect, socket).code != 0, socket
        for place in (
            f"{DATA}/instances/blog/run/new",
            f"{DATA}/public/blog/new",
            f"{DATA}/public/blog/content/uploads/new",
        ):
            assert machine.try_root(*escaped, "touch", place).code != 0, place
    finally:
        machine.root("chmod", "700", HOME, f"{HOME}/.local/share")


def test_root_of_a_container_reaches_no_port(machine: Machine, pair: tuple[str, str]) -> None:
    address, gateway = machine.address, machine.address.rsplit(".", 1)[0] + ".1"
    wheres = [f"tcp://{host}:{port}" for host in ("127.0.0.1", address, gateway) for port in (80, 443, 3306)]
    wheres += [f"udp://{gateway}:53", "unix:///run/user/1000/bus", "unix:///run/user/1000/podman/podman.sock"]
    shown = machine.inside_as_root(
        "shop.app", "php", "-r", CONNECT, "--", *[where for where in wheres if "udp" not in where]
    ).out
    assert shown.count("is closed") == len(wheres) - 1, shown
    assert "is open" not in shown
    for container in ("shop.app", "shop.db", "blog.app", "blog.db"):
        devices = machine.inside_as_root(container, "cat", "/proc/net/dev").out.splitlines()[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"], container


def test_no_container_has_a_capability_or_may_gain_one(machine: Machine, pair: tuple[str, str]) -> None:
    for container in ("blog.app", "blog.db", "shop.app", "shop.db"):
        status = machine.inside(container, "cat", "/proc/1/status")
        found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert {found[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}, container
        assert found["NoNewPrivs"] == "1"
        assert machine.try_admin("podman", "exec", container, "touch", "/usr/bin/new").code != 0, (
            "its root is read-only"
        )


@pytest.mark.parametrize("container", ["blog.app", "blog.db"])
def test_no_file_that_it_may_write_gives_rights_or_is_a_device(
    machine: Machine, pair: tuple[str, str], container: str
) -> None:
    mounts = [line.split() for line in machine.inside(container, "cat", "/proc/self/mounts").splitlines()]
    own = ("/srv/", "/var/lib/", "/run/instance")
    volumes = {place: kept.split(",") for _, place, _, kept, *_ in mounts if place.startswith(own)}
    assert "/run/instance" in volumes
    assert len(volumes) > 1
    for place, kept in volumes.items():
        assert {"nosuid", "nodev"} <= set(kept), place


@pytest.fixture
def forged(machine: Machine, pair: tuple[str, str]) -> Iterator[None]:
    """The shop puts links in place of its own sockets and files, to where the front has the blog's."""
    script = """
        cd /run/instance
        for name in app.sock shop.sock blog.sock; do ln -sfn /srv/sockets/blog.sock $name; done
        cd /srv/content
        ln -sfn /srv/sockets/blog.sock shop.sock
        ln -sfn /srv/public/blog/content/uploads/private.txt uploads/private.txt
        ln -sfn /srv/public/blog/content uploads/blog
        ln -sfn /srv/conf/current/nginx/hosts uploads/hosts
    """
    assert machine.inside_as_root("shop.app", "sh", "-c", script).code == 0
    yield
    undo = "rm -f /run/instance/*.sock.x /run/instance/app.sock /run/instance/shop.sock /run/instance/blog.sock"
    undo += "; cd /srv/content; rm -f shop.sock uploads/private.txt uploads/blog uploads/hosts"
    machine.inside_as_root("shop.app", "sh", "-c", undo)


def test_the_front_does_not_follow_links_of_an_app(machine: Machine, pair: tuple[str, str], forged: None) -> None:
    blog, shop = pair
    assert machine.get(f"{blog}wp-content/uploads/private.txt").body == "of the blog alone\n"
    for path in (
        "",
        "wp-login.php",
        "wp-content/uploads/private.txt",
        "wp-content/uploads/blog/uploads/private.txt",
        "wp-content/uploads/hosts/blog.localhost.conf",
        "wp-content/shop.sock",
    ):
        body = machine.get(f"{shop}{path}").body
        assert "Walks by the sea" not in body, path
        assert "of the blog alone" not in body, path
        assert "server_name" not in body, path
    machine.admin("systemctl", "--user", "restart", "app@shop")
    assert "<title>Buckets and spades</title>" in machine.get(shop).body


def test_an_app_cannot_take_the_place_of_its_database(machine: Machine, pair: tuple[str, str]) -> None:
    """The directory of sockets is shared by the components, and sticky: neither removes what the other made."""
    assert machine.try_admin("podman", "exec", "shop.app", "ls", "/run/instance/mysqld.sock").code == 0
    connected = machine.inside_as_root("shop.app", "php", "-r", CONNECT, "--", "unix:///run/instance/mysqld.sock").out
    assert "is open" in connected, "its own database it reaches"
    assert (
        "is open"
        not in machine.inside_as_root(
            "shop.app",
            "php",
            "-r",
            CONNECT,
            "--",
            f"unix://{DATA}/instances/blog/run/mysqld.sock",
            "unix:///srv/sockets/blog.sock",
        ).out
    )


def test_a_login_at_one_is_none_at_the_other(machine: Machine, pair: tuple[str, str]) -> None:
    passwords = {name: machine.chainsaw("secret", "show", name, "admin_password").out for name in ("blog", "shop")}
    assert passwords["blog"] != passwords["shop"]
    owners = json.loads(
        machine.root("stat", "--printf", "[%u, %u]", f"{DATA}/instances/blog/secrets/salt").replace("][", "],[")
    )
    assert owners[0] == machine.block("blog") + 1000


def test_removing_one_leaves_the_other(machine: Machine, pair: tuple[str, str]) -> None:
    before = {unit: value for unit, value in machine.invocations().items() if "shop" not in unit}
    kept = machine.read(f"{HOME}/.config/chainsaw/instances/shop.yaml")
    machine.retract("shop")
    machine.chainsaw("apply")
    assert machine.invocations() == before
    assert "<title>Walks by the sea</title>" in machine.get(pair[0]).body
    machine.refuses(pair[1])
    machine.write(f"{HOME}/.config/chainsaw/instances/shop.yaml", kept)
    machine.chainsaw("apply")
    assert "<title>Buckets and spades</title>" in machine.get(pair[1]).body
    assert {unit: machine.invocations()[unit] for unit in before} == before


PROBE = """
from chainsaw.host import users
from chainsaw.host.account import Account
from chainsaw.model.paths import Paths

print(users.copies_by_reference(Account("admin", 1000, Paths.of("/home/admin", {}), "/run/user/1000")))
"""


def test_setup_follows_no_link_of_the_admins(machine: Machine) -> None:
    """Root tries the file system of the home as the admin, below a name that nobody can guess."""
    machine.root("sh", "-c", "echo of root > /root/kept; chmod 711 /root")
    for name in (".chainsaw-reflink", ".chainsaw-reflink.copy", ".chainsaw-reflink.partial"):
        machine.admin("ln", "-sfn", "/root/kept", f"{HOME}/{name}")
    assert machine.root("python3", "-I", "-c", PROBE) in ("True\n", "False\n")
    assert machine.root("cat", "/root/kept") == "of root\n"
    left = machine.admin("find", HOME, "-maxdepth", "1", "-name", ".chainsaw-*").split()
    assert all("reflink" in name for name in left)
    machine.admin("sh", "-c", "rm -f ~/.chainsaw-reflink*")
    machine.root("chmod", "700", "/root")


BUILD = """
import json, sys
from chainsaw.host.account import this_account

files = {path: text.encode() for path, text in json.load(sys.stdin).items()}
this_account().podman.build("localhost/attack:1", files, sys.argv[1], print)
"""
ASK = r"""use IO::Socket::INET;
for (@ARGV) {
    my $socket = IO::Socket::INET->new(PeerAddr => "$_:18080", Timeout => 2);
    if (!$socket) { print "$_ $@\n"; next }
    print $socket "GET / HTTP/1.0\r\n\r\n";
    print "$_ ", join(" ", map { s/\s+/ /gr } <$socket>), "\n";
}
"""
KNOCK = r"""ARG BASE
FROM ${BASE}
COPY ask /etc/ask
RUN --network=NETWORK perl /etc/ask ADDRESSES > /etc/heard
RUN cat /proc/self/uid_map > /etc/maps; cat /proc/self/gid_map >> /etc/maps; cat /proc/mounts > /etc/mounts
"""
SECOND = "10.99.99.9"
"""A second address of the host, which a network of pasta does not have by itself."""


@pytest.fixture
def host_service(machine: Machine, pair: tuple[str, str]) -> Iterator[list[str]]:
    """Return the addresses at which a service of the host listens: on its loopback, too."""
    machine.root("ip", "address", "add", f"{SECOND}/32", "dev", "lo")
    machine.write(f"{HOME}/kept/index.html", "of the host alone")
    server = machine.begin("python3", "-m", "http.server", "18080", "--directory", f"{HOME}/kept")
    try:
        own = [item for item in machine.admin("hostname", "-I").split() if "." in item]
        for address in ("127.0.0.1", *own, SECOND):
            shown = machine.admin("curl", "-s", "--retry", "5", "--retry-connrefused", f"http://{address}:18080/")
            assert "of the host alone" in shown, address
        yield ["127.0.0.1", *own, SECOND]
    finally:
        server.kill()
        machine.try_admin("pkill", "-f", "http.server 18080")
        machine.root("ip", "address", "del", f"{SECOND}/32", "dev", "lo")


def build(machine: Machine, containerfile: str, proxy: str = "", **others: str) -> Done:
    """Build an image past every check of its Containerfile; `others` are texts of files beside it."""
    files = {"Containerfile": containerfile, **others}
    reference = machine.admin("podman", "images", "--format", "{{.Repository}}:{{.Tag}}", "chainsaw/base").split()[0]
    argv = ["env", f"http_proxy={proxy}", "python3", "-I", "-c", BUILD, reference]
    return machine.try_admin(*argv, stdin=json.dumps(files))


@pytest.mark.parametrize("network", ["default", "host"])
def test_an_image_build_reaches_nothing_on_this_host_and_has_no_id_of_an_instance(
    machine: Machine, host_service: list[str], network: str
) -> None:
    """Not on its loopback, not on its addresses, and not on those that stand for it in Podman's networks."""
    addresses = " ".join([*host_service, "localhost", "169.254.1.1", "169.254.1.2", "10.0.2.2"])
    done = build(machine, KNOCK.replace("NETWORK", network).replace("ADDRESSES", addresses), ask=ASK)
    assert done.code == 0, done.err
    heard, maps, mounts = (
        machine.admin("podman", "run", "--rm", "--network=none", "localhost/attack:1", "cat", f"/etc/{name}")
        for name in ("heard", "maps", "mounts")
    )
    assert len(heard.splitlines()) == len(addresses.split())
    assert "of the host alone" not in heard
    assert HOME not in mounts
    ranges = [tuple(map(int, line.split())) for line in maps.splitlines()]
    assert len(ranges) == 4
    for block in map(machine.block, ("front", "blog", "shop")):
        assert all(block >= outside + count or outside >= block + 65536 for _, outside, count in ranges)
    machine.admin("podman", "image", "rm", "localhost/attack:1")


def test_of_the_loopback_a_build_reaches_the_proxy_alone_that_the_admin_names(
    machine: Machine, host_service: list[str]
) -> None:
    text = KNOCK.replace("NETWORK", "default").replace("ADDRESSES", " ".join(host_service))
    for port, heard_at in ((18080, ["127.0.0.1"]), (18081, [])):
        done = build(machine, text, f"http://127.0.0.1:{port}", ask=ASK)
        assert done.code == 0, done.err
        heard = machine.admin("podman", "run", "--rm", "--network=none", "localhost/attack:1", "cat", "/etc/heard")
        assert [line.split()[0] for line in heard.splitlines() if "of the host alone" in line] == heard_at
    machine.admin("podman", "image", "rm", "localhost/attack:1")


def test_podman_itself_fetches_nothing_of_this_host_for_a_build(machine: Machine, host_service: list[str]) -> None:
    for address in (*host_service, "localhost"):
        done = build(machine, f"ARG BASE\nFROM ${{BASE}}\nADD http://{address}:18080/ /etc/heard\n")
        assert "connection refused" in done.err, address
    assert "connection refused" in build(machine, "FROM 127.0.0.1:18080/x/y:1\n").err
    pull = "from chainsaw.host.account import this_account; this_account().podman.pull('127.0.0.1:18080/x/y:1')"
    assert "connection refused" in machine.try_admin("python3", "-I", "-c", pull).err
    assert machine.try_admin("podman", "image", "exists", "localhost/attack:1").code != 0


def test_a_build_has_no_file_of_the_admin(machine: Machine, pair: tuple[str, str]) -> None:
    machine.admin("podman", "save", "--output", f"{HOME}/private.tar", "docker.io/library/debian:trixie-slim")
    for words in ("FROM docker-archive:{}", "ARG BASE\nFROM ${{BASE}}\nCOPY --from=docker-archive:{} / /"):
        done = build(machine, words.format(f"{HOME}/private.tar") + "\n")
        assert done.code != 0
        assert "no such file or directory" in done.err or "no stage or image found" in done.err
    machine.admin("rm", f"{HOME}/private.tar")
    assert machine.admin("find", "/var/tmp", "-maxdepth", "1", "-name", "chainsaw-build-*") == ""
