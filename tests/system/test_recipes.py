"""Untested recipes are shown as untested; test_proofs runs the tests of the others."""

from __future__ import annotations

import json

import pytest

from .machine import DATA, HOME, Machine
from .prove import RECIPES
from .stage import runnable

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]


def test_an_untested_recipe_is_never_shown_as_tested(machine: Machine) -> None:
    shown = {item["name"]: item for item in machine.json("search")["data"]["recipes"]}
    upstream = {path.parent.name for path in RECIPES.glob("*/recipe.yaml")} - set(runnable())
    assert upstream
    for name in upstream:
        assert shown[name]["level"] is None
        assert "not run by us" in machine.chainsaw("info", name).out


@pytest.mark.parametrize("name", sorted({path.parent.name for path in RECIPES.glob("*/recipe.yaml")} - set(runnable())))
def test_a_recipe_of_an_upstream_image_is_accepted_by_the_real_generator(machine: Machine, www: str, name: str) -> None:
    machine.chainsaw("recipe", "lint", f"/usr/share/chainsaw/recipes/{name}")
    done = machine.try_admin(
        "sh", "-c", f'cp -r "/usr/share/chainsaw/recipes/{name}" ~ && chainsaw recipe test ~/{name} --levels 1'
    )
    assert f"{name} " in done.out
    assert "1  ok" in done.out, str(done)
    assert f"try-{name}" not in machine.chainsaw("inventory", "--orphans").out
    machine.admin("rm", "-rf", name)


LEAKY = """
cd && rm -rf leaky && chainsaw recipe new leaky --from http
sed -i 's/"127.0.0.1", 8080/"0.0.0.0", 8080/' leaky/images/app/app.py
sed -i 's/^exec app.py/exec app.py "$(cat \\/run\\/secrets\\/password)"/' leaky/images/app/start-app
sed -i 's/^    tasks: 64/&\\n    egress: {need: internet, reason: To be found.}/' leaky/recipe.yaml
chainsaw recipe test leaky --levels 7 --json
"""


def test_a_recipe_with_an_open_port_and_an_exposed_secret_fails_level_7(machine: Machine, www: str) -> None:
    """The checks of a process look at the real one: where they could not read it, nothing would ever be found."""
    done = machine.try_admin("sh", "-c", LEAKY)
    assert done.code, str(done)
    assert "port 8080 listens beyond the loopback" in done.out
    assert "the secret password is visible in the arguments of a process" in done.out
    record = json.loads(machine.admin("cat", "leaky/tested.json"))
    assert record["measured"]["memory_idle_mb"] > 5
    machine.admin("rm", "-rf", "leaky")


PUT = """
import sys
from chainsaw.host.account import this_account
from chainsaw.host.podman.placement import VolumeFile

account = this_account()
manifest = account.current()
widget = manifest.instances["widget"]
(volume,) = (item for item in widget.volumes if item.name == "data")
place = VolumeFile(volume.path, sys.argv[1], volume.ids, widget.block)
account.podman.put_file(manifest.front.images[0].reference, place, b"walks")
"""


def test_a_file_that_a_test_puts_into_a_volume_follows_no_link_of_the_application(machine: Machine, www: str) -> None:
    machine.declare("widget", "widget")
    machine.chainsaw("apply", "widget")
    machine.inside("widget.app", "sh", "-c", f"ln -s {HOME} /srv/data/out; ln -s {HOME}/taken /srv/data/file")
    for path in ("out/taken", "file"):
        assert machine.try_admin("python3", "-I", "-c", PUT, path).code
    assert machine.try_admin("test", "-e", f"{HOME}/taken").code == 1
    machine.admin("python3", "-I", "-c", PUT, "deep/er/kept")
    assert machine.inside("widget.app", "cat", "/srv/data/deep/er/kept") == "walks"
    assert machine.inside("widget.app", "stat", "-c", "%u", "/srv/data/deep/er/kept") == "1000\n"
    machine.purge("widget")


def test_a_rehearsal_renews_and_deletes_no_certificate_of_a_site_that_runs(machine: Machine, www: str) -> None:
    host = www.removeprefix("https://").strip("/")
    place = f"{DATA}/front/certificates/{host}"
    before = machine.root("sha256sum", f"{place}/certificate.pem", f"{place}/pair.pem")
    # As if it had been valid for most of its time.
    machine.admin("mv", f"{DATA}/front/issued/{host}.json", f"{HOME}/issued.json")
    machine.admin("sh", "-c", "cd && rm -rf leaky && chainsaw recipe new leaky --from http")
    assert "1  ok" in machine.chainsaw("recipe", "test", f"{HOME}/leaky", "--levels", "1").out
    assert machine.root("sha256sum", f"{place}/certificate.pem", f"{place}/pair.pem") == before
    machine.admin("mv", f"{HOME}/issued.json", f"{DATA}/front/issued/{host}.json")
    machine.admin("rm", "-rf", "leaky")
    assert machine.get(www).status == 200
