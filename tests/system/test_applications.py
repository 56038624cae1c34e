"""Every application gets the site's directives in its own settings, and its passwords can be rotated."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from .machine import CONFIG, Machine
from .web import Answer, ask

pytestmark = [pytest.mark.system, pytest.mark.stage("workshop")]

SITE = """\
admin: {email: kim@example.org}
timezone: Europe/Vienna
language: de_AT
upload_limit: 1M
"""
LIMIT = 1024 * 1024
LIMITED = ("actual", "dokuwiki", "mediawiki", "miniflux", "node-red", "radicale", "shaarli", "wordpress")
ASKED = {
    "wordpress": """require '/usr/share/wordpress/wp-load.php';
        echo get_option('timezone_string'), ' ', get_locale(), ' ', get_option('admin_email'), ' ',
        wp_max_upload_size();""",
    "dokuwiki": """define('DOKU_INC', '/usr/share/dokuwiki/'); define('NOSESSION', 1);
        require DOKU_INC . 'inc/init.php';
        echo $conf['lang'], ' ', ini_get('date.timezone'), ' ', ini_get('upload_max_filesize');""",
}
DOKUWIKI = """define('DOKU_INC', '/usr/share/dokuwiki/'); define('NOSESSION', 1); require DOKU_INC . 'inc/init.php';
    exit(plugin_load('auth', 'authplain')->checkPass('admin', stream_get_contents(STDIN)) ? 0 : 1);"""
SHAARLI = """require '/usr/share/shaarli/application/config/ConfigIO.php';
    require '/usr/share/shaarli/application/config/ConfigJson.php';
    $known = (new Shaarli\\Config\\ConfigJson())->read('/var/lib/shaarli/data/config.json.php')['credentials'];
    exit(sha1(stream_get_contents(STDIN) . 'admin' . $known['salt']) === $known['hash'] ? 0 : 1);"""
WORDPRESS = """require '/usr/share/wordpress/wp-load.php';
    exit(is_wp_error(wp_authenticate('admin', stream_get_contents(STDIN))) ? 1 : 0);"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def applications(machine: Machine) -> Iterator[Machine]:
    """Return the machine, with one instance of each recipe that has something to be told, named after it."""
    machine.write(f"{CONFIG}/site.yaml", SITE)
    for recipe in LIMITED:
        machine.declare(recipe, recipe)
    machine.chainsaw("apply")
    yield machine
    machine.purge(*LIMITED)
    machine.admin("rm", f"{CONFIG}/site.yaml")


def by_name(user: str, password: str) -> dict[str, str]:
    """Return what a browser sends when it logs in."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def password_of(machine: Machine, name: str) -> str:
    """Return the admin's password of an instance."""
    return machine.chainsaw("secret", "show", name, "admin_password").out.rstrip("\n")


def test_mediawiki_has_the_directives(applications: Machine) -> None:
    answer = applications.get("https://mediawiki.localhost/api.php?action=query&meta=siteinfo&format=json")
    general = json.loads(answer.body)["query"]["general"]
    assert (general["lang"], general["timezone"], general["maxuploadsize"]) == ("de-at", "Europe/Vienna", LIMIT)


def test_a_new_user_of_miniflux_has_the_directives(applications: Machine) -> None:
    headers = by_name("admin", password_of(applications, "miniflux"))
    user = json.loads(applications.get("https://miniflux.localhost/v1/me", headers=headers).body)
    assert (user["language"], user["timezone"]) == ("de_DE", "Europe/Vienna")


def test_node_red_has_the_directives(applications: Machine) -> None:
    zone = "Intl.DateTimeFormat().resolvedOptions().timeZone"
    assert applications.inside("node-red.app", "node", "-p", zone).strip() == "Europe/Vienna"
    limit = 'require("/etc/node-red/settings.js").apiMaxLength'
    assert int(applications.inside("node-red.app", "node", "-p", limit)) == LIMIT


def test_wordpress_has_the_directives(applications: Machine) -> None:
    assert (
        applications.inside("wordpress.app", "php", "-r", ASKED["wordpress"])
        == f"Europe/Vienna de_DE kim@example.org {LIMIT}"
    )


def test_dokuwiki_has_the_directives(applications: Machine) -> None:
    assert applications.inside("dokuwiki.app", "php", "-r", ASKED["dokuwiki"]) == "de Europe/Vienna 1M"
    assert "kim@example.org" in applications.inside("dokuwiki.app", "grep", "^admin:", "/srv/conf/users.auth.php")


def test_shaarli_has_the_directives(applications: Machine) -> None:
    text = applications.inside("shaarli.app", "cat", "/var/lib/shaarli/data/config.json.php")
    config = json.loads(text.removeprefix("<?php /*").rsplit("*/", 1)[0])
    assert (config["general"]["timezone"], config["translation"]["language"]) == ("Europe/Vienna", "de")


def test_radicale_has_the_limit(applications: Machine) -> None:
    assert f"max_content_length = {LIMIT}" in applications.inside("radicale.app", "cat", "/etc/radicale/config")


def test_an_instance_may_say_otherwise_and_inherits_the_rest(applications: Machine) -> None:
    applications.append("dokuwiki", "timezone: America/Lima\nmemory: 200M")
    applications.chainsaw("apply", "dokuwiki")
    assert applications.inside("dokuwiki.app", "php", "-r", ASKED["dokuwiki"]) == "de America/Lima 1M"
    shown = applications.json("config", "show", "dokuwiki")["data"]["keys"]
    origins = {item["key"]: (item["value"], item["origin"].partition(":")[0]) for item in shown}
    assert origins["timezone"] == ("America/Lima", "instances/dokuwiki.yaml")
    assert origins["language"] == ("de_AT", "site.yaml")
    assert "MemoryMax=209715200" in applications.admin("systemctl", "--user", "cat", "app@dokuwiki.service")


def test_actual_has_the_limit(applications: Machine) -> None:
    config = json.loads(applications.inside("actual.app", "cat", "/etc/actual/config.json"))
    assert set(config["upload"].values()) == {1}


@pytest.mark.parametrize("name", LIMITED)
def test_a_file_of_the_limit_passes_the_front_with_its_form_and_one_byte_more_does_not(
    applications: Machine, name: str
) -> None:
    url, form = f"https://{name}.localhost/", 1024 * 1024
    passed = applications.post(url, "x" * (LIMIT + form))
    assert passed.status != 413 or "</html>" not in passed.body, "the application may have a limit without a form"
    assert applications.post(url, "x" * (LIMIT + form + 1)).status == 413


def into_actual(machine: Machine, password: str) -> bool:
    body = json.dumps({"loginMethod": "password", "password": password})
    answer = machine.post("https://actual.localhost/account/login", body, headers=JSON)
    assert answer.status < 500, answer
    return bool(json.loads(answer.body)["status"] == "ok")


def into_mediawiki(machine: Machine, password: str) -> bool:
    url = "https://mediawiki.localhost/api.php?format=json"
    first = machine.get(f"{url}&action=query&meta=tokens&type=login")
    token = json.loads(first.body)["query"]["tokens"]["logintoken"]
    fields = {"action": "login", "lgname": "Admin", "lgpassword": password, "lgtoken": token}
    body = "&".join(f"{key}={quote(value, safe='')}" for key, value in fields.items())
    answer = machine.post(url, body, headers={**FORM, "Cookie": "; ".join(first.cookies)})
    return bool(json.loads(answer.body)["login"]["result"] == "Success")


def into_miniflux(machine: Machine, password: str) -> bool:
    return answered(machine.get("https://miniflux.localhost/v1/me", headers=by_name("admin", password)))


def into_node_red(machine: Machine, password: str) -> bool:
    body = f"client_id=node-red-editor&grant_type=password&scope=*&username=admin&password={password}"
    return answered(machine.post("https://node-red.localhost/auth/token", body, headers=FORM), refused=403)


def into_radicale(machine: Machine, password: str) -> bool:
    url = "https://radicale.localhost/admin/"
    return answered(ask(machine.address, machine.authority, "PROPFIND", url, headers=by_name("admin", password)))


def answered(answer: Answer, refused: int = 401) -> bool:
    """Return whether a login was accepted; any other answer than that or a refusal is a failure of the test."""
    assert answer.status in (200, 207, refused), answer
    return answer.status != refused


def by_script(container: str, script: str) -> Callable[[Machine, str], bool]:
    """Return what asks a PHP application itself whether a password is right."""

    def enter(machine: Machine, password: str) -> bool:
        command = ("podman", "exec", "-i", container, "php", "-r", script)
        done = machine.try_admin(*command, stdin=password)
        assert done.code in (0, 1), str(done)
        return done.code == 0

    return enter


DOORS: dict[str, Callable[[Machine, str], bool]] = {
    "actual": into_actual,
    "dokuwiki": by_script("dokuwiki.app", DOKUWIKI),
    "mediawiki": into_mediawiki,
    "miniflux": into_miniflux,
    "node-red": into_node_red,
    "radicale": into_radicale,
    "shaarli": by_script("shaarli.app", SHAARLI),
    "wordpress": by_script("wordpress.app", WORDPRESS),
}


@pytest.mark.parametrize("name", LIMITED)
def test_a_rotated_password_is_the_one_that_opens(applications: Machine, name: str) -> None:
    enters = DOORS[name]
    before = password_of(applications, name)
    assert enters(applications, before)
    applications.chainsaw("secret", "rotate", name, "admin_password")
    after = password_of(applications, name)
    assert after != before
    assert enters(applications, after)
    assert not enters(applications, before)


def test_every_secret_of_a_person_can_be_rotated(applications: Machine) -> None:
    for name in LIMITED:
        secrets: list[dict[str, Any]] = applications.json("secret", "list", name)["data"]["secrets"]
        assert [item["rotate"] for item in secrets if item["key"] == "admin_password"] == ["by a command in app"], name
