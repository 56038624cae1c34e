"""What a careful reader would say of a recipe that is valid: each rule, and the line at which it points."""

from __future__ import annotations

from pathlib import Path

import pytest
from identity import IDENTITY

from chainsaw.compile.lint import lint
from chainsaw.load.recipe import load_recipe
from chainsaw.work.recipes.catalog import read_recipe
from chainsaw.work.recipes.shipped import shared_files, shared_parts

ROOT = Path(__file__).resolve().parent.parent.parent

RECIPE = (
    IDENTITY
    + """\
settings:
  look:
    type: choice
    options: [plain, fancy]
    default: plain
    help: How it looks.
    documentation: https://example.org/docs
  note:
    type: string
    help: What stands above the page.
    documentation: https://example.org/docs
secrets:
  key: {help: Signs cookies.}
images:
  app: {build: images/app, base: python}
volumes:
  data: {}
components:
  app:
    image: app
    environment: {NOTE: "{{ settings.note }}"}
    volumes: {data: /srv/data}
    secrets: [key]
    ready: answers
    memory: 64M
serve:
  http: {port: 8080}
probe: {path: /, contains: <h1>}
marker:
  write:
    - run: {component: app, command: [note, "{{ marker }}"]}
  read:
    - request: {path: /, contains: "{{ marker }}"}
variants:
  look:
    fancy:
      components: {app: {memory: 128M}}
"""
)
CONTAINERFILE = """\
ARG BASE
FROM ${BASE}
RUN pip install --no-deps demo==1.0 \\
    && npm install --global demo@1.0
"""


def found(recipe=RECIPE, containerfile=CONTAINERFILE):
    files = {"recipe.yaml": recipe.encode(), "images/app/Containerfile": containerfile.encode()}
    return lint(load_recipe("recipes/demo/recipe.yaml", "demo", files, shared_parts()), shared_files())


def test_a_good_recipe_has_no_findings():
    assert found() == []


APP = "app: {build: images/app, base: python}"
MEMORY = "memory: 64M"
RULES = [
    ("license: MIT", "license: see the home page", "error", "should be an SPDX expression", "see the home page"),
    ("least\nversion", "least.\nversion", "warning", "without a full stop", "What a recipe needs"),
    ("summary: What", "summary: " + "What " * 20, "warning", "at most 80 characters", "What What"),
    ("kim@example.org", "ask around", "error", "an e-mail address or a URL", "ask around"),
    ("help: How it looks.", "help: How it looks", "warning", "a sentence with a full stop", "How it looks"),
    ("contains: <h1>", "status: 200", "warning", "any page with this status would pass", "probe: "),
    ('contains: "{{ marker }}"}', "status: 200}", "error", "at least one step needs contains", "read:"),
    (APP, "app: {reference: docker.io/library/demo}", "error", "the image behind this name changes", "docker.io"),
    (APP, "app: {reference: 'ghcr.io/a/demo:latest'}", "error", "the image behind this name changes", "'ghcr.io"),
    (APP, "app: {build: images/app, base: pyhton}", "error", "no shared image 'pyhton'", "pyhton"),
    (MEMORY, f"{MEMORY}\n    user: 0", "warning", "root is not needed without a capability", "0"),
    (MEMORY, f"{MEMORY}\n    capabilities: [{{name: CHOWN, reason: It needs it.}}]", "warning", "not root", "{name"),
    (
        MEMORY,
        f"{MEMORY}\n    capabilities: [{{name: CHOWN, reason: why}}]",
        "error",
        "of at least three words",
        "{name",
    ),
    (MEMORY, f"{MEMORY}\n    egress: {{need: internet, reason: news}}", "error", "of at least three words", "news"),
    ("secrets:\n", "secrets:\n  salt: {help: Nobody knows.}\n", "warning", "nothing uses it", "salt: "),
    ("volumes:\n", "volumes:\n  cache: {}\n", "warning", "nothing uses it", "cache: "),
    ("images:\n", "images:\n  other: {shared: php}\n", "warning", "nothing uses it", "other: "),
    ("{{ settings.note }}", "a note", "warning", "no template uses it", "note:"),
    ("{{ settings.note }}", "{{ settings.nope }}", "error", "there is no 'nope'", '"{{ settings.nope'),
    ("memory: 128M", "memory: much", "error", "a size is a whole number", "much"),
]


@pytest.mark.parametrize(("text", "other", "severity", "message", "points_at"), RULES, ids=[rule[3] for rule in RULES])
def test_a_finding_points_at_the_place_of_the_problem(text, other, severity, message, points_at):
    assert text in RECIPE
    recipe = RECIPE.replace(text, other, 1)
    (problem,) = [item for item in found(recipe) if message in item.message]
    assert problem.severity == severity
    assert problem.file == "recipes/demo/recipe.yaml"
    assert problem.source == recipe.splitlines()[problem.line - 1]
    assert problem.source[problem.column - 1 :].startswith(points_at)


LINES = [
    ("RUN pip install demo", "warning", "pip installs whatever is newest"),
    ("RUN pip3 install demo>=1", "warning", "pip installs whatever is newest"),
    ("RUN npm install --global demo", "warning", "npm installs whatever is newest"),
    ("RUN npm i demo", "warning", "npm installs whatever is newest"),
    ("RUN curl -fsSL https://example.org/install | sh", "warning", "a downloaded script is run without a check"),
    ("RUN wget -qO- https://example.org/install | bash -s", "warning", "a downloaded script is run without a check"),
    ('VOLUME ["/srv/data", "/srv/lost"]', "error", "no component mounts /srv/lost"),
    ("VOLUME /srv/lost", "error", "no component mounts /srv/lost"),
]


@pytest.mark.parametrize(("line", "severity", "message"), LINES, ids=[line for line, _, _ in LINES])
def test_a_finding_for_an_image_points_at_the_line_of_the_containerfile(line, severity, message):
    (problem,) = found(containerfile=f"{CONTAINERFILE}{line}\n")
    assert (problem.code, problem.severity) == ("lint", severity)
    assert problem.message.startswith(message)
    assert problem.location() == "recipes/demo/images/app/Containerfile:5:1"
    assert problem.source == line


@pytest.mark.parametrize(
    "line",
    [
        "# RUN pip install demo",
        "RUN pip install -r requirements.txt",
        "RUN npm install",
        "RUN npm ci",
        "RUN npm install --omit=dev",
        "RUN curl -fsSL https://example.org/demo.tar | tar -x",
        "VOLUME /srv/data",
        "COPY volume /srv/lost",
    ],
)
def test_pinned_packages_and_mounted_volumes_have_no_finding(line):
    assert found(containerfile=f"{CONTAINERFILE}{line}\n") == []


def test_an_instruction_of_several_lines_is_read_as_one():
    (problem,) = found(
        containerfile=CONTAINERFILE + "RUN apt-get update \\\n    # a comment\n    && pip install demo\n"
    )
    assert problem.line == 5


def test_a_problem_of_all_variants_is_reported_once():
    problems = found(RECIPE.replace("volumes:\n", "volumes:\n  cache: {}\n", 1))
    assert [item.key for item in problems] == ["volumes.cache"]


def test_a_recipe_without_a_marker_gets_a_warning():
    (problem,) = found(RECIPE[: RECIPE.index("marker:")] + RECIPE[RECIPE.index("variants:") :])
    assert (problem.severity, problem.hint) == ("warning", "level 3 needs one")


def test_a_setting_used_only_in_a_file_counts_as_used():
    recipe = RECIPE.replace("{{ settings.note }}", "x").replace("ready:", "files: {note.j2: /etc/note}\n    ready:")
    files = {"recipe.yaml": recipe, "images/app/Containerfile": CONTAINERFILE, "note.j2": "{{ settings.note }}"}
    encoded = {path: text.encode() for path, text in files.items()}
    assert lint(load_recipe("recipe.yaml", "demo", encoded, shared_parts()), shared_files()) == []


@pytest.mark.parametrize("name", ["radicale", "static", "wordpress"])
def test_example_recipes_have_no_findings(name):
    assert lint(read_recipe(str(ROOT / "recipes" / name), name), shared_files()) == []
