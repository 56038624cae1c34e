"""What is set once for the site holds in every application that honours it, in its own terms."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .machine import CONFIG, Machine

pytestmark = pytest.mark.system

SITE = """\
admin: {email: kim@example.org}
timezone: Europe/Vienna
language: de_AT
upload_limit: 1M
"""
LIMIT = 1024 * 1024
RECIPES = ("dokuwiki", "radicale", "shaarli")
DOKUWIKI = """define('DOKU_INC', '/usr/share/dokuwiki/'); define('NOSESSION', 1); require DOKU_INC . 'inc/init.php';
    echo $conf['lang'], ' ', ini_get('date.timezone'), ' ', ini_get('upload_max_filesize');"""
WORDPRESS = """require '/usr/share/wordpress/wp-load.php';
    echo get_option('timezone_string'), ' ', get_locale(), ' ', get_option('admin_email'), ' ', wp_max_upload_size();"""


@pytest.fixture(scope="module")
def site(machine: Machine, blog: str) -> Iterator[None]:
    """Set for the whole site what an admin sets, with an instance of each small recipe that honours some of it."""
    machine.write(f"{CONFIG}/site.yaml", SITE)
    for recipe in RECIPES:
        machine.declare(f"try{recipe}", recipe)
    machine.chainsaw("apply")
    yield
    machine.admin("rm", f"{CONFIG}/site.yaml")
    machine.purge(*(f"try{recipe}" for recipe in RECIPES))


def test_wordpress_has_them(machine: Machine, site: None) -> None:
    assert machine.inside("blog.app", "php", "-r", WORDPRESS) == f"Europe/Vienna de_DE kim@example.org {LIMIT}"


def test_dokuwiki_has_them(machine: Machine, site: None) -> None:
    assert machine.inside("trydokuwiki.app", "php", "-r", DOKUWIKI) == "de Europe/Vienna 1M"
    assert "kim@example.org" in machine.inside("trydokuwiki.app", "grep", "^admin:", "/srv/conf/users.auth.php")


def test_shaarli_has_them(machine: Machine, site: None) -> None:
    text = machine.inside("tryshaarli.app", "cat", "/var/lib/shaarli/data/config.json.php")
    config = json.loads(text.removeprefix("<?php /*").rsplit("*/", 1)[0])
    assert (config["general"]["timezone"], config["translation"]["language"]) == ("Europe/Vienna", "de")


def test_radicale_has_the_limit(machine: Machine, site: None) -> None:
    assert f"max_content_length = {LIMIT}" in machine.inside("tryradicale.app", "cat", "/etc/radicale/config")


@pytest.mark.parametrize("name", ["blog", *(f"try{recipe}" for recipe in RECIPES)])
def test_a_body_of_the_limit_passes_the_front_and_one_byte_more_does_not(
    machine: Machine, site: None, name: str
) -> None:
    url = f"https://{name}.localhost/"
    assert machine.post(url, "x" * LIMIT).status != 413
    assert machine.post(url, "x" * (LIMIT + 1)).status == 413


def test_an_instance_may_say_otherwise_and_inherits_the_rest(machine: Machine, site: None) -> None:
    machine.append("trydokuwiki", "timezone: America/Lima\nmemory: 200M")
    machine.chainsaw("apply", "trydokuwiki")
    assert machine.inside("trydokuwiki.app", "php", "-r", DOKUWIKI) == "de America/Lima 1M"
    shown = machine.json("config", "show", "trydokuwiki")["data"]["keys"]
    origins = {item["key"]: (item["value"], item["origin"].partition(":")[0]) for item in shown}
    assert origins["timezone"] == ("America/Lima", "instances/trydokuwiki.yaml")
    assert origins["language"] == ("de_AT", "site.yaml")
    assert "MemoryMax=209715200" in machine.admin("systemctl", "--user", "cat", "app@trydokuwiki.service")
