"""The files of the instances of a test: with the recipe's defaults, whatever the site says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from identity import IDENTITY

from chainsaw.host.mailbox import Mailbox
from chainsaw.load.recipe import load_recipe
from chainsaw.load.site import load_instance, problems_in
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.shipped import shared_parts
from chainsaw.work.result import Quiet
from chainsaw.work.trial.scene import Scene

REQUIRING = (
    IDENTITY
    + """\
settings:
  motto: {type: string, example: By the sea, help: It., documentation: https://example.org/}
  count: {type: integer, minimum: 3, help: It., documentation: https://example.org/}
  look: {type: choice, options: [plain, odd], default: plain, help: It., documentation: https://example.org/}
images: {app: {shared: base}}
components: {app: {image: app, memory: 64M, ready: answers}}
serve: {http: {port: 8080}}
"""
)
SITE = "sleep: 5m\nmail: {host: smtp.example.org, sender: club@example.org}\n"


@pytest.fixture
def scene(admin, tmp_path):
    """Return what makes the scene of a recipe, given as text or by the name of a shipped one."""

    def make(recipe, site=None):
        if site:
            admin.write("site.yaml", site)
        bundle = (
            load_recipe("recipes/demo/recipe.yaml", "demo", {"recipe.yaml": recipe.encode()}, shared_parts())
            if "\n" in recipe
            else Catalog()[recipe]
        )
        catalog: Any = None
        mailbox = Mailbox()
        mailbox._server = type("Server", (), {"server_address": ("127.0.0.1", 2525)})
        return Scene(bundle, catalog, Quiet(), admin.account, mailbox)

    return make


def declared(scene, *words, **options):
    """Declare the first instance and return its file, in which nothing is wrong."""
    scene.declare(scene.first, *words, **options)
    path = Path(f"{scene.account.paths.instance_files}/{scene.first}.yaml")
    file = load_instance(f"instances/{scene.first}.yaml", path.read_text())
    assert problems_in(file, scene.bundle) == []
    return file.instance


def test_what_must_be_set_has_its_example_and_the_rest_is_left_to_the_recipe(scene):
    instance = declared(scene(REQUIRING))
    assert instance.settings == {"motto": "By the sea", "count": 3}
    assert instance.route == "https://try-demo.localhost/"


def test_a_setting_and_a_route_can_be_chosen(scene):
    instance = declared(scene(REQUIRING), "https://a.localhost/", {"look": "odd", "motto": "Far"})
    assert instance.settings == {"motto": "Far", "count": 3, "look": "odd"}
    assert instance.route == "https://a.localhost/"


def test_it_does_not_sleep_and_sends_no_mail_to_the_server_of_the_site(scene):
    instance = declared(scene("wordpress", SITE))
    assert instance.sleep == "never"
    assert (instance.mail.host, instance.mail.port, instance.mail.tls) == ("127.0.0.1", 2525, "none")


def test_no_backups_of_it_are_made_by_themselves(scene):
    assert declared(scene("wordpress", "backup: {every: hourly}\n")).backup.every == "never"
    assert declared(scene("wordpress", SITE)).backup is None


def test_without_a_mail_server_of_the_site_it_has_none_either(scene):
    assert declared(scene("wordpress")).mail is None


def test_a_key_that_is_to_be_tried_takes_precedence(scene):
    instance = declared(scene("wordpress", SITE), keys={"sleep": "5s", "timezone": "Asia/Kathmandu"})
    assert (instance.sleep, instance.timezone) == ("5s", "Asia/Kathmandu")


@pytest.mark.parametrize("settings", [{}, {"generator": "hugo"}])
def test_what_has_no_process_that_could_sleep_says_nothing_of_it(scene, settings):
    assert declared(scene("static", SITE), "", settings).sleep is None
