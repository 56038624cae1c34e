"""Changes by the admin: edits by hand, removals, restores and rollbacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from .machine import CONFIG, DATA, HOME, STATE, UNITS, Machine, wait
from .web import certificate

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

WIDGET = "https://widget.localhost/"
CURRENT = f"{STATE}/generations/current"


@pytest.fixture(autouse=True)
def untouched(machine: Machine, www: str) -> Iterator[None]:
    """Each test ends without its instances, and with nothing left to do."""
    yield
    machine.purge("widget", "gadget")
    assert machine.plan() == []
    assert machine.get(www).status == 200


@pytest.fixture
def widget(machine: Machine) -> str:
    machine.declare("widget", "widget", text="The first text")
    machine.chainsaw("apply")
    return WIDGET


@pytest.mark.parametrize(
    "file",
    ["quadlets/app@widget.container", "units/app@widget.socket", "nginx/locations/widget.conf", "nginx/nginx.conf"],
)
def test_a_file_edited_by_hand_is_shown_and_kept(machine: Machine, widget: str, file: str) -> None:
    machine.admin("sh", "-c", 'echo "# my own line" >> "$0"', f"{CURRENT}/{file}")
    machine.declare("widget", "widget", text="The second text")
    number = machine.generation()
    done = machine.chainsaw("apply", code=1)
    assert f"generations/{number}/{file}: edited by hand" in done.err
    assert "+# my own line" in done.err
    assert "--force" in done.err
    assert "# my own line" in machine.read(f"{CURRENT}/{file}")
    assert machine.get(widget).body == "The first text\n"
    assert machine.generation() == number
    machine.chainsaw("apply", "--force")
    assert "# my own line" not in machine.read(f"{CURRENT}/{file}")
    assert machine.get(widget).body == "The second text\n"
    assert machine.plan() == []


def test_a_generated_file_that_was_removed_is_noticed(machine: Machine, widget: str) -> None:
    machine.admin("rm", f"{CURRENT}/nginx/locations/widget.conf")
    assert "nginx/locations/widget.conf" in machine.chainsaw("apply", code=1).err
    machine.chainsaw("apply", "--force")
    assert machine.get(widget).status == 200


def test_a_drop_in_of_the_admin_is_kept(machine: Machine, widget: str) -> None:
    drop_in = f"{HOME}/.config/systemd/user/app@widget.service.d/own.conf"
    machine.write(drop_in, "[Service]\nEnvironment=MINE=1\n")
    machine.admin("systemctl", "--user", "daemon-reload")
    machine.declare("widget", "widget", text="The second text")
    machine.chainsaw("apply")
    assert "MINE=1" in machine.admin("systemctl", "--user", "show", "-p", "Environment", "app@widget.service")
    assert machine.plan() == []
    machine.admin("rm", "-r", drop_in.rpartition("/")[0])
    machine.admin("systemctl", "--user", "daemon-reload")


@pytest.mark.parametrize(
    "place",
    [
        f"{UNITS}/app@widget.socket",
        f"{HOME}/.config/systemd/user/app@widget.service",
        f"{HOME}/.config/containers/systemd/app@widget.container",
    ],
)
def test_a_file_of_another_origin_is_never_overwritten(machine: Machine, www: str, place: str) -> None:
    machine.write(place, "# of another origin\n")
    machine.declare("widget", "widget")
    try:
        number = machine.generation()
        done = machine.chainsaw("apply", code=1)
        assert f"{place}: not made by chainsaw, and in the way" in done.err
        assert machine.chainsaw("apply", "--force", code=1).code == 1
        assert machine.read(place) == "# of another origin\n"
        assert machine.generation() == number
    finally:
        machine.admin("rm", place)
    machine.chainsaw("apply")
    assert machine.get(WIDGET).status == 200


def test_quadlets_of_the_admin_are_left_alone(machine: Machine, www: str) -> None:
    own = f"{HOME}/.config/containers/systemd/mine.container"
    image = "docker.io/library/debian:trixie-slim"
    machine.write(
        own,
        f"[Container]\nImage={image}\nPull=never\nExec=sleep infinity\nStopTimeout=1\n\n"
        "[Quadlet]\nDefaultDependencies=false\n",
    )
    machine.admin("systemctl", "--user", "daemon-reload")
    machine.admin("systemctl", "--user", "start", "mine.service")
    try:
        shown = machine.admin("systemctl", "--user", "show", "-p", "InvocationID", "mine.service")
        machine.declare("widget", "widget")
        machine.chainsaw("apply")
        machine.retract("widget")
        machine.chainsaw("apply")
        assert machine.admin("systemctl", "--user", "show", "-p", "InvocationID", "mine.service") == shown
        assert machine.admin("systemctl", "--user", "is-active", "mine.service") == "active\n"
    finally:
        machine.admin("systemctl", "--user", "stop", "mine.service")
        machine.admin("rm", own)
        machine.admin("systemctl", "--user", "daemon-reload")


def test_removing_the_file_keeps_the_data_and_says_where(machine: Machine, widget: str) -> None:
    block, secret = machine.block("widget"), machine.chainsaw("secret", "show", "widget", "key").out
    machine.inside("widget.app", "sh", "-c", "echo kept > /srv/data/file")
    machine.retract("widget")
    done = machine.chainsaw("apply")
    assert f"Its data is still in {DATA}/instances/widget" in done.out
    assert machine.units("app@widget*") == []
    assert machine.admin("podman", "ps", "-a", "--format", "{{.Names}}").count("widget") == 0
    assert not machine.exists(f"{DATA}/sockets/widget.sock")
    machine.refuses(widget)
    assert machine.root("cat", f"{DATA}/instances/widget/volumes/data/file") == "kept\n"

    machine.declare("gadget", "widget")
    machine.declare("widget", "widget", text="Back again")
    machine.chainsaw("apply")
    assert machine.block("widget") == block
    assert machine.block("gadget") != block, "ids are not given to another while data of theirs exists"
    assert machine.chainsaw("secret", "show", "widget", "key").out == secret
    assert machine.inside("widget.app", "cat", "/srv/data/file") == "kept\n"
    assert machine.get(widget).body == "Back again\n"


def test_only_the_instances_named_are_changed(machine: Machine, widget: str) -> None:
    machine.declare("widget", "widget", text="The second text")
    machine.declare("gadget", "widget", text="The other text")
    machine.chainsaw("apply", "gadget")
    assert machine.get(widget).body == "The first text\n"
    assert machine.get("https://gadget.localhost/").body == "The other text\n"
    assert {action["instance"] for action in machine.plan()} >= {"widget"}
    done = machine.chainsaw("apply", "wigdet", code=4)
    assert "no instance 'wigdet'; did you mean widget?" in done.err


def test_rollback_returns_to_a_generation_with_the_files_of_then(machine: Machine, widget: str) -> None:
    first = machine.generation()
    machine.declare("widget", "widget", text="The second text")
    machine.declare("gadget", "widget", text="The other text")
    machine.chainsaw("apply")
    second = machine.generation()
    machine.inside("widget.app", "sh", "-c", "echo written later > /srv/data/file")

    machine.chainsaw("rollback")
    assert machine.get(widget).body == "The first text\n"
    assert machine.units("app@gadget*") == []
    assert machine.inside("widget.app", "cat", "/srv/data/file") == "written later\n", "data stays as it is"
    assert machine.plan() == [], "the files are those of then, so that the next apply has nothing to do"

    machine.chainsaw("rollback", "--to", str(second))
    assert machine.get(widget).body == "The second text\n"
    assert machine.get("https://gadget.localhost/").body == "The other text\n"
    machine.chainsaw("rollback", "widget", "--to", str(first))
    assert machine.get(widget).body == "The first text\n"
    assert machine.get("https://gadget.localhost/").body == "The other text\n", "the others stay as they are"

    assert "there is no generation 9999" in machine.chainsaw("rollback", "--to", "9999", code=4).err
    assert machine.plan() == []


def test_a_rollback_holds_when_site_yaml_has_changed(machine: Machine, widget: str) -> None:
    before, text = machine.generation(), machine.read(f"{CONFIG}/instances/widget.yaml")
    machine.write(f"{CONFIG}/site.yaml", "sleep: 1h\n")
    machine.declare("widget", "widget", text="The second text")
    machine.chainsaw("apply")
    planned = machine.json("rollback", "widget", "--to", str(before), "--dry-run")["data"]
    assert planned["files"] == ["instances/widget.yaml"]
    assert "start" in {action["action"] for action in planned["actions"]}, "it is restarted, and the plan says so"
    done = machine.chainsaw("rollback", "widget", "--to", str(before))
    assert "widget: sleep stands in its own file, as it was then" in done.out
    assert "sleep: never" in machine.read(f"{CONFIG}/instances/widget.yaml")
    assert machine.get(widget).body == "The first text\n"
    assert machine.plan() == [], "what is declared is what runs"
    assert "nothing differs" in machine.chainsaw("diff", "widget").out
    machine.admin("rm", f"{CONFIG}/site.yaml")
    machine.write(f"{CONFIG}/instances/widget.yaml", text)
    machine.chainsaw("apply")


def test_old_generations_are_deleted(machine: Machine, widget: str) -> None:
    while machine.generation() < 13:
        machine.declare("gadget", "static", f"https://gadget.localhost/{machine.generation()}/")
        machine.chainsaw("apply", "gadget")
    kept = machine.root("ls", f"{STATE}/generations").split()
    assert len([name for name in kept if name.isdigit()]) <= 11
    assert str(machine.generation()) in kept


def test_a_changed_route_gets_a_certificate(machine: Machine, widget: str) -> None:
    machine.declare("widget", "widget", "https://moved.localhost/", text="Moved")
    machine.chainsaw("apply")
    assert machine.get("https://moved.localhost/").body == "Moved\n"
    machine.refuses(widget)


def test_a_certificate_is_renewed_in_time(machine: Machine, widget: str) -> None:
    record, chain = (
        f"{DATA}/front/issued/widget.localhost.json",
        f"{DATA}/front/certificates/widget.localhost/certificate.pem",
    )
    before, front = machine.root("cat", chain), machine.invocations()["chainsaw-front.service"]
    content = json.loads(machine.read(record))
    soon = datetime.now(UTC) + timedelta(days=30)
    machine.write(record, json.dumps({**content, "not_after": soon.isoformat(timespec="seconds")}))
    assert [action["action"] for action in machine.plan()] == ["issue-certificate", "reload-front"]
    machine.chainsaw("apply")
    after = machine.root("cat", chain)
    assert after != before
    assert wait(lambda: certificate(machine.address, machine.authority, "widget.localhost") in after, 5)
    assert machine.invocations()["chainsaw-front.service"] == front, "a reload is enough"
    assert machine.plan() == []


def test_a_port_that_another_program_has_is_refused_while_the_front_goes_on(machine: Machine, widget: str) -> None:
    other = machine.begin("python3", "-m", "http.server", "8443")
    try:
        assert wait(lambda: ":8443 " in machine.root("ss", "-ltnH"), 10)
        machine.write(f"{CONFIG}/site.yaml", "ports: {https: 8443}\n")
        assert "another program listens on port 8443" in machine.chainsaw("apply", code=6).err
        assert machine.get(widget).body == "The first text\n"
    finally:
        other.terminate()
        other.communicate()
        machine.admin("rm", f"{CONFIG}/site.yaml")


def test_what_is_under_way_outlives_a_reload_of_the_front(machine: Machine, widget: str) -> None:
    machine.declare("gadget", "gadget")
    machine.chainsaw("apply")
    upgrade = ("-H", "Connection: Upgrade", "-H", "Upgrade: websocket")
    chat = machine.begin("curl", "-skN", "--http1.1", *upgrade, "--max-time", "75", "https://gadget.localhost/chat")
    thinking = machine.begin("curl", "-skf", "--max-time", "90", "https://gadget.localhost/thinks")
    assert wait(lambda: " 101 " in machine.journal("--boot") or chat.poll() is None, 5)
    machine.declare("widget", "widget", text="The second text")
    machine.chainsaw("apply")
    chat.communicate(timeout=90)
    assert chat.returncode == 28, "curl ended it, after its 75 seconds, and nobody else"
    assert "x-gadget: gadget\n" in thinking.communicate(timeout=30)[0], "70 seconds of silence end no request"


def test_ports_of_the_front_can_change_and_come_back(machine: Machine, widget: str) -> None:
    machine.write(f"{CONFIG}/site.yaml", "ports: {http: 8080, https: 8443}\n")
    try:
        machine.chainsaw("apply")
        shown = machine.curl("https://widget.localhost:8443/")
        assert shown == "The first text\n"
        assert ":443 " not in machine.root("ss", "-ltnH")
    finally:
        machine.admin("rm", f"{CONFIG}/site.yaml")
        machine.chainsaw("apply")
    assert machine.get(widget).body == "The first text\n"
    assert machine.plan() == []
