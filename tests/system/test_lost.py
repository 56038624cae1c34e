"""What Podman has lost, by hand or by a crash, is seen and named, and the next apply brings all back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import HOME, STATE, Machine, wait

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]

KEPT = f"{HOME}/images.tar"


@pytest.fixture
def sites(machine: Machine, www: str) -> Iterator[None]:
    """An application with a network, one that sleeps, and all images afterwards."""
    machine.declare("widget", "widget")
    machine.append("widget", "egress: internet")
    machine.declare("gadget", "gadget")
    machine.append("gadget", "sleep: 4s")
    machine.chainsaw("apply")
    yield
    machine.purge("widget", "gadget")
    assert machine.plan() == []


def image_of(machine: Machine, name: str) -> str:
    """Return the image that an application runs from."""
    quadlet = machine.read(f"{STATE}/generations/current/quadlets/app@{name}.container")
    return next(line.removeprefix("Image=") for line in quadlet.splitlines() if line.startswith("Image="))


def state(machine: Machine, name: str) -> str:
    return str({row["name"]: row for row in machine.json("list", code=None)["data"]["instances"]}[name]["state"])


def failing(machine: Machine) -> dict[str, str]:
    """Return what doctor finds wrong, by its topic."""
    checks = machine.json("doctor", code=None)["data"]["checks"]
    return {item["name"]: item["found"] for item in checks if item["state"] == "fail"}


def test_an_image_and_a_network_that_were_removed_come_back(machine: Machine, sites: None) -> None:
    assert wait(lambda: state(machine, "gadget") == "asleep", 40)
    image = image_of(machine, "gadget")
    machine.admin("podman", "untag", image)
    machine.admin("podman", "network", "rm", "--force", "chainsaw-widget")
    assert image in failing(machine)["Podman's store"]
    assert "chainsaw-widget-network.service" in failing(machine)["Podman's store"]
    assert f"Podman does not have {image} any more" in machine.chainsaw("status", "gadget", code=3).out
    machine.chainsaw("apply")
    assert machine.get("https://gadget.localhost/").status == 200
    assert machine.get("https://widget.localhost/").body == "It works\n"
    assert machine.plan() == []


@pytest.mark.long
def test_after_a_reset_of_podman_an_apply_brings_all_back(machine: Machine, www: str, sites: None) -> None:
    """Containers, images, networks and the socket of Podman's API are gone; data is in plain directories."""
    images = machine.admin("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    machine.admin(
        "podman", "save", "--quiet", "--multi-image-archive", "--output", KEPT, *sorted(set(images) - {"<none>:<none>"})
    )
    machine.admin("podman", "system", "reset", "--force")
    try:
        found = failing(machine)
        assert "chainsaw-widget-network.service" in found["Podman's store"]
        assert "its socket was removed" in found["Podman's API"]
        assert "restarted podman.socket" in machine.chainsaw("doctor", "--fix", code=None).out
    finally:
        machine.admin("podman", "load", "--quiet", "--input", KEPT)
        machine.admin("rm", KEPT)
    for image in (image_of(machine, "gadget"), image_of(machine, "widget")):
        machine.try_admin("podman", "untag", image)
    machine.chainsaw("apply")
    assert machine.get(www).status == 200
    assert machine.get("https://gadget.localhost/").status == 200
    assert machine.get("https://widget.localhost/").body == "It works\n"
    assert failing(machine) == {}


def test_a_gated_application_that_is_killed_with_all_its_processes_comes_back(machine: Machine, sites: None) -> None:
    machine.get("https://gadget.localhost/")
    for _ in range(3):
        # So many crashes in a row would be called failing.
        machine.admin("systemctl", "--user", "reset-failed", "app@gadget.service")
        machine.admin("systemctl", "--user", "kill", "--signal=KILL", "app@gadget.service")
        # Podman may need more than one attempt to remove what it left, and the next comes later.
        assert wait(lambda: "x-gadget: gadget" in str(machine.try_get("https://gadget.localhost/")), 60)
