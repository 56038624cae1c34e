"""What visitors see where there is no file, or nobody who answers: pages of the site, or of the front."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .machine import CONFIG, DATA, Machine

pytestmark = [pytest.mark.system, pytest.mark.stage("www")]


@pytest.fixture
def planner(machine: Machine, www: str) -> Iterator[str]:
    """An application of a single page, below a path, in another language than the site above it."""
    machine.declare("planner", "static", "https://www.localhost/planner/", not_found="index")
    machine.append("planner", "language: pt_BR")
    machine.chainsaw("apply")
    for name, text in {"index.html": "The planner", "assets/app.js": "1", "print/index.html": "On paper"}.items():
        machine.write(f"{DATA}/public/planner/site/{name}", text)
    yield "https://www.localhost/planner/"
    machine.purge("planner")


def test_an_application_of_a_single_page_answers_at_each_path(machine: Machine, planner: str) -> None:
    for path in ("", "week/49", "week/49/", "assets/", "assets/old.js", "index.html"):
        answer = machine.get(f"{planner}{path}")
        assert (answer.status, answer.body) == (200, "The planner"), path
        assert answer.headers["content-type"].startswith("text/html"), path
    assert machine.get(f"{planner}assets/app.js").body == "1", "files come first"
    assert machine.get(f"{planner}print").body == "On paper", "and so do the pages of directories"
    assert machine.get(f"{planner}.git/config").status == 404


def test_the_pages_of_the_front_are_in_the_language_of_the_instance(machine: Machine, www: str, planner: str) -> None:
    machine.admin("rm", f"{DATA}/public/planner/site/index.html")
    expected = {www: "en", planner: "pt-BR"}
    for url, language in expected.items():
        missing = machine.get(f"{url}missing")
        assert (missing.status, f'<html lang="{language}">' in missing.body) == (404, True), missing
        assert "retry-after" not in missing.headers
    machine.chainsaw("maintenance", "planner", "on")
    closed = machine.get(planner)
    assert (closed.status, closed.headers["retry-after"]) == (503, "600")
    assert '<html lang="pt-BR">' in closed.body and "manutenção" in closed.body
    assert "planner " in machine.journal("--user-unit", "chainsaw-front", "-n", "1"), "and logged as its own"


def test_where_no_instance_is_a_page_is_in_the_language_of_the_site(machine: Machine, www: str) -> None:
    machine.declare("below", "static", "https://lonely.localhost/here/")
    machine.write(f"{CONFIG}/site.yaml", "language: de_AT\n")
    try:
        machine.chainsaw("apply")
        for path in ("", "here/missing"):
            missing = machine.get(f"https://lonely.localhost/{path}")
            assert (missing.status, '<html lang="de">' in missing.body) == (404, True), missing
    finally:
        machine.admin("rm", f"{CONFIG}/site.yaml")
        machine.purge("below")


def test_the_page_that_hugo_makes_for_what_is_missing_is_shown(machine: Machine, www: str) -> None:
    machine.declare("notes", "static", "https://notes.localhost/", generator="hugo")
    try:
        machine.chainsaw("apply")
        layouts = f"{DATA}/instances/notes/volumes/source/layouts"
        machine.write(f"{layouts}/404.html", "<p>{{ .Site.Title }} has no such page</p>")
        machine.chainsaw("apply")
        missing = machine.get("https://notes.localhost/missing/")
        assert missing.status == 404
        assert "has no such page</p>" in missing.body
    finally:
        machine.purge("notes")
