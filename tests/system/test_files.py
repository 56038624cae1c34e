"""What the front serves from a volume, and what it never does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import DATA, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("sites")]

SITE = f"{DATA}/public/www/site"
UPLOADS = f"{DATA}/public/blog/content/uploads"


@pytest.fixture(scope="module")
def docs(machine: Machine, www: str) -> Iterator[str]:
    machine.chainsaw("new", "static", "docs", "--route", "https://www.localhost/docs/")
    machine.chainsaw("apply")
    machine.write(f"{DATA}/public/docs/site/index.html", "<p>The manual</p>")
    machine.write(f"{DATA}/public/docs/site/deep/page.html", "<p>A page of the manual</p>")
    yield "https://www.localhost/docs/"
    machine.retract("docs")
    machine.chainsaw("apply")


def in_volume(machine: Machine, name: str, content: str) -> None:
    """Write a file into the public volume of the blog, as WordPress itself would: as the component's user."""
    machine.inside("blog.app", "sh", "-c", 'cat > "/srv/content/uploads/$0"', name, stdin=content)


def test_a_file_and_its_style_are_served(machine: Machine, www: str) -> None:
    machine.write(f"{SITE}/index.html", '<link rel="stylesheet" href="look/style.css"><p>Hello</p>')
    machine.write(f"{SITE}/look/style.css", "p { color: navy }")
    assert "<p>Hello</p>" in machine.get(www).body
    style = machine.get(f"{www}look/style.css")
    assert (style.status, style.body) == (200, "p { color: navy }")
    assert style.headers["content-type"].startswith("text/css")
    assert machine.get(f"{www}missing.html").status == 404


def test_a_site_has_its_own_page_for_what_is_missing(machine: Machine, www: str, docs: str) -> None:
    assert '<html lang="en">' in machine.get(f"{www}missing.html").body, "without one, it is the front's"
    machine.write(f"{SITE}/404.html", "<p>Not here</p>")
    machine.write(f"{SITE}/bare/file.txt", "x")
    for path in ("missing.html", "deep/missing/", "bare/", ".hidden", "404.html"):
        missing = machine.get(f"{www}{path}")
        assert (missing.status, missing.body) == (200 if path == "404.html" else 404, "<p>Not here</p>")
    assert "Not here" not in machine.get(f"{docs}missing.html").body, "each site has its own"
    machine.admin("rm", f"{SITE}/404.html")


def test_a_directory_is_never_listed(machine: Machine, www: str) -> None:
    machine.write(f"{SITE}/plain/file.txt", "x")
    assert machine.get(f"{www}plain/").status in (403, 404)


def test_a_path_of_a_host_is_a_site_of_its_own(machine: Machine, www: str, docs: str) -> None:
    assert machine.get(docs).body == "<p>The manual</p>"
    assert machine.get(f"{docs}deep/page.html").body == "<p>A page of the manual</p>"
    moved = machine.get(docs.rstrip("/"))
    assert (moved.status, moved.headers["location"]) == (301, docs)
    machine.write(f"{SITE}/index.html", "<p>Hello</p>")
    assert machine.get(www).body == "<p>Hello</p>"
    assert machine.get(f"{docs}look/style.css").status == 404
    assert machine.get(f"{docs}../docs/../").body == "<p>Hello</p>"


def test_a_site_below_a_path_needs_no_site_above_it(machine: Machine, www: str) -> None:
    machine.declare("below", "static", "https://lonely.localhost/here/")
    try:
        machine.chainsaw("apply")
        assert machine.get("https://lonely.localhost/here/").status == 200
        assert machine.get("https://lonely.localhost/").status == 404
        assert machine.get("https://lonely.localhost/other").status == 404
    finally:
        machine.retract("below")
        machine.chainsaw("apply")


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "index.html",
        f"{DATA}/public/blog/content/uploads/private.txt",
        "/srv/public/blog/content/uploads/private.txt",
        "/srv/certificates/blog.localhost/pair.pem",
        "/srv/conf/current/nginx/nginx.conf",
    ],
)
def test_a_link_in_a_volume_is_not_followed(machine: Machine, www: str, blog: str, target: str) -> None:
    in_volume(machine, "private.txt", "of the blog alone")
    machine.admin("ln", "-sfn", target, f"{SITE}/link.txt")
    machine.admin("ln", "-sfn", target.rpartition("/")[0] or ".", f"{SITE}/linked")
    for path in ("link.txt", f"linked/{target.rpartition('/')[2]}"):
        answer = machine.get(f"{www}{path}")
        assert answer.status in (403, 404), path
        assert "of the blog alone" not in answer.body


def test_a_link_made_by_an_app_is_not_followed(machine: Machine, www: str, blog: str) -> None:
    machine.write(f"{SITE}/members.txt", "of the static site alone")
    links = {
        "file": "/srv/public/www/site/members.txt",
        "dir": "/srv/public/www/site",
        "key": "/srv/certificates/blog.localhost",
    }
    for name, target in links.items():
        assert machine.inside_as_root("blog.app", "ln", "-sfn", target, f"/srv/content/uploads/{name}").code == 0
    for path in ("file", "dir/members.txt", "key/pair.pem", "key/certificate.pem"):
        answer = machine.get(f"{blog}wp-content/uploads/{path}")
        assert answer.status in (403, 404), path
        assert "alone" not in answer.body


def test_a_volume_that_becomes_a_link_is_not_followed(machine: Machine, www: str, blog: str) -> None:
    script = "cd /srv/content && mv uploads kept && ln -s /srv/public/www/site uploads"
    machine.inside("blog.app", "sh", "-c", script)
    try:
        assert machine.get(f"{blog}wp-content/uploads/members.txt").status in (403, 404)
    finally:
        machine.inside("blog.app", "sh", "-c", "cd /srv/content && rm uploads && mv kept uploads")


@pytest.mark.parametrize("name", ["evil.php", "evil.PhP", "evil.php.txt", "evil.phar", "evil.jpg"])
def test_php_in_a_volume_is_never_run(machine: Machine, blog: str, name: str) -> None:
    in_volume(machine, name, "<?php echo 'exe', 'cuted';")
    for path in (name, f"{name}/x.php", f"{name}/", f"{name}%00.php", f"./{name}", f"x/../{name}"):
        for url in (f"{blog}wp-content/uploads/{path}", f"{blog}wp-content//uploads/{path}"):
            assert "executed" not in str(machine.try_get(url)), url


def test_php_in_a_volume_is_not_shown_either(machine: Machine, blog: str) -> None:
    in_volume(machine, "shown.php", "<?php $password = 'sesame';")
    answer = machine.get(f"{blog}wp-content/uploads/shown.php")
    assert answer.status == 404
    assert "sesame" not in answer.body


@pytest.mark.parametrize("name", [".htaccess", ".git/config", ".env"])
def test_hidden_files_are_not_there(machine: Machine, www: str, blog: str, name: str) -> None:
    machine.write(f"{SITE}/{name}", "sesame")
    machine.inside("blog.app", "mkdir", "-p", "/srv/content/uploads/.git")
    in_volume(machine, name, "sesame")
    for url in (f"{www}{name}", f"{blog}wp-content/uploads/{name}"):
        answer = machine.get(url)
        assert (answer.status, "sesame" in answer.body) == (404, False), url


def test_well_known_files_are_there(machine: Machine, www: str) -> None:
    machine.write(f"{SITE}/.well-known/security.txt", "Contact: mailto:admin@example.org")
    assert machine.get(f"{www}.well-known/security.txt").status == 200


def test_the_source_of_wordpress_is_never_shown(machine: Machine, blog: str) -> None:
    for path in (
        "wp-config.php",
        "wp-settings.php",
        "wp-includes/version.php",
        "wp-config.php.bak",
        "../wp-config.php",
    ):
        assert "<?php" not in machine.get(f"{blog}{path}").body, path


def test_static_files_of_wordpress_come_from_the_front(machine: Machine, blog: str) -> None:
    answer = machine.get(f"{blog}wp-includes/css/dashicons.min.css")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/css")


@pytest.fixture(scope="module")
def pages(machine: Machine, www: str) -> Iterator[str]:
    """Return the URL of a site that Hugo builds from the admin's files."""
    machine.declare("pages", "static", "https://pages.localhost/docs/", generator="hugo")
    machine.chainsaw("apply")
    yield "https://pages.localhost/docs/"
    machine.purge("pages")


def test_a_site_is_built_from_its_source_again_when_that_has_changed(machine: Machine, pages: str) -> None:
    source = f"{DATA}/instances/pages/volumes/source"
    assert "This page is built by" in machine.get(pages).body
    assert machine.plan() == []
    machine.write(f"{source}/content/_index.md", "---\ntitle: The summer\n---\nWalks.\n")
    machine.chainsaw("apply")
    assert "<title>The summer</title>" in machine.get(pages).body
    kept = machine.read(f"{source}/layouts/index.html")
    machine.write(f"{source}/layouts/index.html", "{{ broken")
    machine.chainsaw("apply", code=3)
    assert "<title>The summer</title>" in machine.get(pages).body
    assert 'function "broken" not defined' in machine.admin("journalctl", "--user", "-t", "pages.build", "-o", "cat")
    machine.write(f"{source}/layouts/index.html", kept)
    machine.chainsaw("apply")
    assert machine.plan() == []
