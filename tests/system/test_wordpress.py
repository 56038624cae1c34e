"""WordPress as its admin meets it: what Site Health finds, permalinks, previews of uploads, and its language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machine import CONFIG, Machine
from .wordpress import Visitor

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

HEIC = Path(__file__).with_name("picture.heic")
"""640 by 480, the left half red, the right one blue."""
PDF = """\
%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 400 600] /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>>> endobj
4 0 obj <</Length 44>> stream
BT /F 48 Tf 40 300 Td (The tide table) Tj ET
endstream endobj
5 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj
trailer <</Root 1 0 R>>
"""
COLOURS = """\
$picture = imagecreatefromjpeg($argv[1]);
[$width, $height] = [imagesx($picture), imagesy($picture)];
$colours = [];
for ($x = 0; $x < $width; $x++) {
    for ($y = 0; $y < $height; $y++) {
        $colours[imagecolorat($picture, $x, $y) & 0xe0e0e0] = true;
    }
}
printf("%d %d %d", $width, $height, count($colours));
"""
"""Says how large a picture is, and how many clearly different colours are in it."""
PACK = """\
<?php
add_filter('translations_api', fn () => ['translations' => [[
    'language' => 'de_DE', 'version' => '6.8', 'updated' => '2026-01-01 00:00:00', 'package' => '/srv/content/pack.zip',
    'english_name' => 'German', 'native_name' => 'Deutsch', 'iso' => ['de'], 'strings' => ['continue' => 'Weiter'],
]]]);
"""
"""Stands in for the server of WordPress, which no test reaches: the only pack is one in the volume."""
MAKE_PACK = """\
require '/usr/share/wordpress/wp-includes/pomo/mo.php';
$texts = new MO();
$texts->set_header('Language', 'de');
$texts->add_entry(new Translation_Entry(['singular' => 'Remember Me', 'translations' => ['Immer an mich denken']]));
$texts->export_to_file('/tmp/de_DE.mo');
$pack = new ZipArchive();
$pack->open('/srv/content/pack.zip', ZipArchive::CREATE);
$pack->addFile('/tmp/de_DE.mo', 'de_DE.mo');
$pack->addFromString('de_DE.po', 'msgid ""');
"""


@pytest.fixture(scope="module")
def visitor(machine: Machine, blog: str) -> Visitor:
    return Visitor(machine, blog, machine.chainsaw("secret", "show", "blog", "admin_password").out.strip())


def previews(visitor: Visitor, name: str, content: str | bytes, kind: str) -> dict[str, str]:
    """Upload a file and return the URLs of the pictures that are made of it."""
    sizes = visitor.add(name, content, kind)["media_details"]["sizes"]
    return {size: str(made["source_url"]) for size, made in sizes.items()}


def looks(machine: Machine, blog: str, url: str) -> tuple[int, int, int]:
    """Return width, height and number of colours of a picture that anybody can get."""
    answer = machine.get(url)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    file = url.replace(f"{blog}wp-content", "/srv/content")
    width, height, colours = machine.inside("blog.app", "php", "-r", COLOURS, file).split()
    return int(width), int(height), int(colours)


def test_site_health_finds_nothing(machine: Machine, visitor: Visitor) -> None:
    # This machine was off for longer than it finds good, and its timer has a minute to make up for that.
    machine.admin("systemctl", "--user", "start", "app@blog.cron.service")
    found = visitor.health()
    assert len(found) > 15
    assert {test: status for test, status in found.items() if status != "good"} == {}


def test_a_rest_api_that_fails_is_still_found(machine: Machine, visitor: Visitor) -> None:
    plugin = "/srv/content/mu-plugins/closed.php"
    closed = "<?php add_filter('rest_pre_dispatch', fn () => new WP_Error('closed', 'no', ['status' => 500]));"
    machine.inside("blog.app", "sh", "-c", 'mkdir -p "$(dirname "$0")" && cat > "$0"', plugin, stdin=closed)
    try:
        page = visitor.page("wp-admin/site-health.php")
    finally:
        machine.inside("blog.app", "rm", plugin)
    assert re.search(r'"status":"(recommended|critical)"[^{]*(\{[^}]*\})?[^{]*"test":"rest_availability"', page)


def test_the_permalinks_that_are_offered_are_the_pretty_ones(visitor: Visitor) -> None:
    page = visitor.page("wp-admin/options-permalink.php")
    assert 'value="/%postname%/"' in page
    assert "index.php/" not in page


def test_a_pdf_has_a_picture_of_its_first_page(machine: Machine, blog: str, visitor: Visitor) -> None:
    made = previews(visitor, "tides.pdf", PDF, "application/pdf")
    width, height, colours = looks(machine, blog, made["full"])
    assert width * 3 == pytest.approx(height * 2, abs=6)
    assert colours > 1, "there are letters on it"
    assert {"thumbnail", "medium"} <= made.keys()
    assert "Fontconfig error" not in machine.journal("-t", "blog.app", "-n", "20")


def test_a_photo_of_a_phone_is_shown_as_jpeg(machine: Machine, blog: str, visitor: Visitor) -> None:
    made = previews(visitor, "beach.heic", HEIC.read_bytes(), "image/heic")
    assert looks(machine, blog, made["medium"])[:2] == (300, 225)
    assert looks(machine, blog, made["medium"])[2] > 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("script.ps", "%!PS-Adobe-3.0\nshowpage\n"), ("drawing.svg", "<svg></svg>"), ("drawing.mvg", "viewbox 0 0 1 1")],
)
def test_imagemagick_reads_nothing_else(machine: Machine, blog: str, name: str, content: str) -> None:
    script = "try { new Imagick($argv[1]); echo 'read'; } catch (ImagickException $e) { echo $e->getMessage(); }"
    machine.inside("blog.app", "sh", "-c", 'cat > "/tmp/$0"', name, stdin=content)
    said = machine.inside("blog.app", "php", "-r", script, f"{name.rpartition('.')[2]}:/tmp/{name}")
    assert "not allowed by the security policy" in said


@pytest.fixture
def german(machine: Machine, blog: str) -> Iterator[str]:
    machine.inside(
        "blog.app", "sh", "-c", "mkdir -p /srv/content/mu-plugins; cat > /srv/content/mu-plugins/pack.php", stdin=PACK
    )
    machine.inside("blog.app", "php", "-r", MAKE_PACK)
    yield "de"
    machine.inside("blog.app", "sh", "-c", "cd /srv/content && rm -f mu-plugins/pack.php pack.zip languages/de_DE.*")
    machine.declare("blog", "wordpress", title="Walks by the sea")
    machine.chainsaw("apply")


def test_the_translation_of_today_comes_with_the_internet(machine: Machine, blog: str, german: str) -> None:
    machine.append("blog", f"language: {german}")
    machine.chainsaw("apply")
    page = machine.get(f"{blog}wp-login.php").body
    assert ('lang="de-DE"' in page, "Passwort" in page, "Immer an mich denken" in page) == (True, True, False)
    machine.append("blog", "egress: internet")
    machine.chainsaw("apply")
    machine.inside(
        "blog.app", "php", "-r", "require '/usr/share/wordpress/wp-load.php'; do_action('wp_version_check');"
    )
    assert "Immer an mich denken" in machine.get(f"{blog}wp-login.php").body
    machine.inside("blog.app", "sh", "-c", "rm /srv/content/languages/de_DE.*")
    assert "Immer an mich denken" not in machine.get(f"{blog}wp-login.php").body
    instance = machine.read(f"{CONFIG}/instances/blog.yaml")
    machine.write(f"{CONFIG}/instances/blog.yaml", instance.replace("language: de", "language: de_AT"))
    machine.chainsaw("apply")
    assert "Immer an mich denken" in machine.get(f"{blog}wp-login.php").body
