"""Listening ports, answered requests, and the access log."""

from __future__ import annotations

import pytest

from .machine import HOME, Machine, wait
from .stage import LISTENERS
from .web import ask, certificate, handshake, raw

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]


def listeners(text: str) -> set[tuple[str, str]]:
    """Return (protocol, address) of each line of ss."""
    return {(line.split()[0], line.split()[4]) for line in text.splitlines()}


def test_nothing_but_the_front_listens(machine: Machine, blog: str, www: str) -> None:
    new = listeners(machine.root("ss", "-ltnuH")) - listeners(machine.root("cat", LISTENERS))
    assert {port for _, address in new for port in [address.rsplit(":", 1)[1]]} == {"80", "443"}
    assert {protocol for protocol, _ in new} == {"tcp"}
    holders = machine.root("ss", "-ltnpH", "( sport = :80 or sport = :443 )")
    assert all('"systemd"' in line for line in holders.splitlines()), holders


def test_no_container_listens_on_tcp_or_has_a_network(machine: Machine, blog: str) -> None:
    for container in ("blog.app", "blog.db", "chainsaw-front"):
        pid = machine.admin("podman", "inspect", "--format", "{{.State.Pid}}", container).strip()
        assert machine.root("nsenter", "-t", pid, "-n", "ss", "-ltnuH") == "", container
        links = machine.root("nsenter", "-t", pid, "-n", "ip", "-o", "link").splitlines()
        assert [line.split(": ")[1] for line in links] == ["lo"], container


def test_mariadb_has_no_port(machine: Machine, blog: str) -> None:
    shown = machine.inside("blog.db", "mariadb-admin", "variables")
    cells = [[cell.strip() for cell in line.split("|")] for line in shown.splitlines()]
    found = {row[1]: row[2] for row in cells if len(row) > 2}
    assert (found["skip_networking"], found["port"]) == ("ON", "0")


def test_client_addresses_in_the_log_are_real(machine: Machine, blog: str) -> None:
    gateway = machine.address.rsplit(".", 1)[0] + ".1"
    machine.get(f"{blog}?from-outside", headers={"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.7"})
    machine.curl(f"{blog}?from-inside")

    def logged(marker: str) -> str:
        lines = machine.journal("-u", "chainsaw-front", "-o", "cat").splitlines()
        return next((line for line in lines if marker in line), "")

    assert wait(lambda: bool(logged("?from-outside") and logged("?from-inside")), 5)
    assert logged("?from-outside").startswith(f"blog {gateway} ")
    assert logged("?from-inside").split()[1] in ("127.0.0.1", "::1")
    assert "192.0.2.7" not in logged("?from-outside")


def test_the_app_gets_the_real_address(machine: Machine, blog: str) -> None:
    """WordPress notes it with a comment; what a client claims for itself does not count."""
    gateway = machine.address.rsplit(".", 1)[0] + ".1"
    body = "comment_post_ID=1&author=Kim&email=kim%40example.org&comment=From+the+beach"
    claims = {
        "X-Forwarded-For": "192.0.2.7",
        "Client-IP": "192.0.2.7",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = machine.post(f"{blog}wp-comments-post.php", body, headers=claims)
    assert answer.status == 302, answer
    code = """require '/usr/share/wordpress/wp-load.php';
        echo get_comments(['author_email' => 'kim@example.org'])[0]->comment_author_IP;"""
    assert machine.inside("blog.app", "php", "-r", code) == gateway


@pytest.mark.parametrize("host", ["unknown.example", "blog.localhost.evil.example", "127.0.0.1", ""])
def test_an_unknown_name_gets_no_answer_over_http(machine: Machine, blog: str, host: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    received = raw(machine.address, 80, request)
    # nginx itself refuses a request that breaks the protocol, before it looks for a server.
    assert received == b"" or (host == "" and received.startswith(b"HTTP/1.1 400")), received


@pytest.mark.parametrize("name", ["unknown.example", "blog.localhost.evil.example", None])
def test_an_unknown_name_gets_an_alert_over_tls(machine: Machine, blog: str, name: str | None) -> None:
    assert "UNRECOGNIZED_NAME" in handshake(machine.address, name)


def test_a_known_name_cannot_smuggle_an_unknown_host(machine: Machine, blog: str) -> None:
    try:
        answer = machine.get(blog, headers={"Host": "unknown.example"})
    except OSError:
        return
    assert answer.status in (400, 404, 421), answer
    assert "Walks by the sea" not in answer.body


@pytest.mark.parametrize("host", ["blog.localhost", "BLOG.localhost", "blog.localhost:80", "blog.localhost."])
def test_http_redirects_to_the_literal_https_name(machine: Machine, blog: str, host: str) -> None:
    answer = ask(machine.address, machine.authority, "GET", "http://blog.localhost/a/path?x=1", headers={"Host": host})
    assert (answer.status, answer.headers["location"]) == (301, "https://blog.localhost/a/path?x=1")


def test_http_never_answers_with_a_page(machine: Machine, blog: str) -> None:
    for path in ("wp-login.php", "wp-content/uploads/", "wp-json/", ".well-known/x"):
        assert ask(machine.address, machine.authority, "GET", f"http://blog.localhost/{path}").status == 301


def test_old_tls_is_refused(machine: Machine, blog: str) -> None:
    done = machine.try_admin("curl", "-sS", "--cacert", f"{HOME}/ca.pem", "--tls-max", "1.1", "--tlsv1.0", blog)
    assert done.code != 0, str(done)


def test_each_name_has_a_certificate_that_the_sites_authority_alone_vouches_for(
    machine: Machine, blog: str, www: str
) -> None:
    names = ("blog.localhost", "www.localhost")
    assert len({certificate(machine.address, machine.authority, name) for name in names}) == 2
    assert machine.try_admin("curl", "-sS", "-o", "/dev/null", blog).code == 60


def test_a_taken_port_is_named(machine: Machine, www: str) -> None:
    machine.admin("systemctl", "--user", "stop", "chainsaw-front.socket", "chainsaw-front.service")
    other = machine.begin("python3", "-m", "http.server", "80")
    try:
        assert wait(lambda: ":80 " in machine.root("ss", "-ltnH"), 10)
        assert "another program listens on port 80" in machine.chainsaw("apply", code=6).err
    finally:
        other.terminate()
        other.communicate()
    machine.chainsaw("apply")
    assert machine.get(www).status == 200
