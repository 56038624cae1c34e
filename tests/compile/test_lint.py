"""What a careful reader would say of a recipe that is valid: each rule, and the line at which it points."""

from __future__ import annotations

from pathlib import Path

import pytest
from identity import IDENTITY

from chainsaw.compile.lint import lint
from chainsaw.load.recipe import load_recipe, with_options
from chainsaw.work.recipes.catalog import read_recipe
from chainsaw.work.recipes.shipped import shared_files, shared_parts

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = sorted(path.parent.name for path in ROOT.glob("recipes/*/recipe.yaml"))

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
    example: Walks
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
backup: {files: running, why: Notes are files that are only added.}
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


def found(recipe=RECIPE, containerfile=CONTAINERFILE, **others):
    """Return the findings for a recipe; `others` are texts of files of its image, with two underscores for a dot."""
    texts = {name.replace("__", "."): text for name, text in others.items()}
    files = {"recipe.yaml": recipe, "images/app/Containerfile": containerfile}
    files |= {f"images/app/{name}": text for name, text in texts.items()}
    encoded = {path: text.encode() for path, text in files.items()}
    return lint(load_recipe("recipes/demo/recipe.yaml", "demo", encoded, shared_parts()), shared_files())


def test_a_good_recipe_has_no_findings():
    assert found() == []


APP = "app: {build: images/app, base: python}"
MEMORY = "memory: 64M"
BACKUP = "backup: {files: running, why: Notes are files that are only added.}\n"
EXCLUDING = BACKUP.replace("}\n", ", excludes: {data: [cache/*], database: [tmp/*]}}\n")
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
    (
        "marker:\n",
        "timers:\n  jobs: {component: app, command: [jobs], every: 5m, help: Works.}\nmarker:\n",
        "warning",
        "each 5m it would wake an instance that sleeps: add due, or do it less often",
        "jobs: ",
    ),
    ("secrets:\n", "secrets:\n  salt: {help: Nobody knows.}\n", "warning", "nothing uses it", "salt: "),
    ("volumes:\n", "volumes:\n  cache: {}\n", "warning", "nothing uses it", "cache: "),
    ("images:\n", "images:\n  other: {shared: php}\n", "warning", "nothing uses it", "other: "),
    ("{{ settings.note }}", "a note", "warning", "no template uses it", "note:"),
    ("{{ settings.note }}", "{{ settings.nope }}", "error", "there is no 'nope'", '"{{ settings.nope'),
    ("memory: 128M", "memory: much", "error", "a size is a whole number", "much"),
    ("    example: Walks\n", "", "warning", "a test cannot know a value for it", "note:"),
    (
        "environment: {",
        "environment: {DB_PASSWORD: changeme, ",
        "error",
        "everybody who reads the recipe knows this value",
        "changeme",
    ),
    (
        MEMORY,
        f"{MEMORY}\n    command: [serve, --admin-token, changeme]",
        "error",
        "everybody who reads the recipe knows this value",
        "changeme",
    ),
    (
        MEMORY,
        f"{MEMORY}\n    command: [serve, --secret-key=changeme]",
        "error",
        "everybody who reads the recipe knows this value",
        "--secret",
    ),
    (
        "settings:\n",
        "settings:\n  password: {type: string, default: a, help: It., documentation: https://example.org/}\n",
        "error",
        "everybody who reads the recipe knows this value",
        "a, help",
    ),
    ("settings:\n", "honours: {mail: The server.}\nsettings:\n", "error", "no component has mail: true", "mail:"),
    (MEMORY, f"{MEMORY}\n    mail: true", "warning", "without mail under honours nothing takes this mail", "mail:"),
    ("settings:\n", "honours: {timezone: The clock.}\nsettings:\n", "error", "nothing depends on it", "timezone:"),
    (
        "environment: {",
        'environment: {TZ: "{{ timezone }}", ',
        "warning",
        "a template uses timezone, and it is missing here: no instance can set it",
        "format",
    ),
    (BACKUP, "", "warning", "no backup: nothing says how one is consistent", "format"),
    ("why: Notes are files that are only added.", "why: It just works.", "warning", "at least 5 words", "It just"),
    (BACKUP, f"database: postgres\n{EXCLUDING}", "error", "db dumps what is in it: no file of it", "database:"),
    (
        BACKUP,
        f"database: mariadb\n{EXCLUDING.replace('excludes', 'sqlite')}",
        "error",
        "db dumps what is in it: no file of it",
        "database:",
    ),
    (
        "{{ settings.note }}",
        "{{ settings.note if settings.look == 'plain' else nothing }}",
        "error",
        "'nothing' is undefined",
        '"{{ settings.note',
    ),
]


@pytest.mark.parametrize(
    "text", ["https://{{ route.host }}/", "x {{ ('https://' ~ route.host) | json }}", "http://{{route.host}}"]
)
def test_an_address_without_the_port_is_pointed_at_in_any_template(text):
    recipe = RECIPE.replace("{{ settings.note }}", f"{{{{ settings.note }}}} {text}")
    recipe = recipe.replace("secrets: [key]", "files: {app.conf.j2: /etc/app.conf}\n    secrets: [key]")
    encoded = {"recipe.yaml": recipe, "images/app/Containerfile": CONTAINERFILE, "app.conf.j2": f"one\n{text}\n"}
    files = {path: content.encode() for path, content in encoded.items()}
    places = []
    for item in lint(load_recipe("recipes/demo/recipe.yaml", "demo", files, shared_parts()), shared_files()):
        assert (item.severity, item.hint) == ("warning", "route.url, or route.origin")
        assert item.message == "this address has no port where the front's is not 443"
        assert item.source[item.column - 1 :].startswith("http")
        places.append((item.file, item.line))
    (in_recipe,) = [number for number, line in enumerate(recipe.splitlines(), 1) if text in line]
    assert places == [("recipes/demo/app.conf.j2", 2), ("recipes/demo/recipe.yaml", in_recipe)]


@pytest.mark.parametrize(
    "text", ["{{ route.origin }}", "{{ route.url }}", "{{ route.host }}", "https://a.org {{ route.host }}"]
)
def test_an_address_with_the_port_has_no_finding(text):
    assert found(RECIPE.replace("{{ settings.note }}", f"{{{{ settings.note }}}} {text}")) == []


@pytest.mark.parametrize(("text", "other", "severity", "message", "points_at"), RULES, ids=[rule[1] for rule in RULES])
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
    ("RUN pip install demo==1.0 other", "warning", "pip installs whatever is newest"),
    ("RUN /opt/venv/bin/pip install 'demo>=1,<2'", "warning", "pip installs whatever is newest"),
    ("RUN pip install demo==1.*", "warning", "pip installs whatever is newest"),
    ("RUN true; python3 -m pip install --upgrade demo", "warning", "pip installs whatever is newest"),
    ("RUN npm install demo@1.0 other", "warning", "npm installs whatever is newest"),
    ("RUN npm install @club/demo@latest", "warning", "npm installs whatever is newest"),
    ("RUN npm install demo@^1.0", "warning", "npm installs whatever is newest"),
    ("COPY start /usr/local/bin/", "error", "no file start in images/app"),
    ("COPY --chmod=0755 note strat /usr/local/bin/", "error", "no file strat in images/app"),
    ('COPY ["note", "two words", "/srv/"]', "error", "no file two words in images/app"),
    ("ADD *.conf /etc/", "error", "no file *.conf in images/app"),
    ("COPY ../recipe.yaml /etc/", "error", "no file ../recipe.yaml in images/app"),
    ("ENV ADMIN_PASSWORD=changeme", "error", "ADMIN_PASSWORD: everybody who reads the recipe knows this value"),
    ("ENV LANG=C API_KEY='abc def'", "error", "API_KEY: everybody who reads the recipe knows this value"),
    ("ENV JWT_SECRET very secret", "error", "JWT_SECRET: everybody who reads the recipe knows this value"),
    ("ARG TOKEN=changeme", "error", "TOKEN: everybody who reads the recipe knows this value"),
]
FILES = {"note": "", "volume": "", "requirements__txt": "demo==1.0"}


@pytest.mark.parametrize(("line", "severity", "message"), LINES, ids=[line for line, _, _ in LINES])
def test_a_finding_for_an_image_points_at_the_line_of_the_containerfile(line, severity, message):
    (problem,) = found(containerfile=f"{CONTAINERFILE}{line}\n", **FILES)
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
        "COPY --chmod=0755 note volume /usr/local/bin/",
        "COPY . /srv/app",
        "COPY *.txt /srv/",
        "COPY --from=0 /srv/app /srv/app",
        "COPY $FILE /srv/",
        "COPY <<EOF /etc/demo\nRUN pip install demo\nEOF",
        f"ADD --checksum=sha256:{'0' * 64} https://example.org/demo.tar /srv/",
        "RUN pip install --target /srv/lib --index-url https://example.org demo==1.0 'other[all]==2.1'",
        "RUN pip install ./demo.whl git+https://example.org/demo",
        "RUN pip install --root-user-action ignore --requirement requirements.txt",
        "RUN npm install --global --before=2026-01-01 @club/demo@1.0.2",
        "RUN npm install --prefix /srv demo@v1.0",
        "ENV TOKEN_LIFETIME=3600 PASSWORD_FILE=/run/secrets/key REQUIRE_TOKEN=true DB_PASSWORD=unused",
        "ENV PASSWORD=$GIVEN",
        "ARG TOKEN",
    ],
)
def test_pinned_packages_and_mounted_volumes_have_no_finding(line):
    assert found(containerfile=f"{CONTAINERFILE}{line}\n", **FILES) == []


OPEN = ["demo", "demo>=1.0", "demo~=1.0", "demo==1.*", "demo[all]>=1  # why", "demo<2 ; python_version > '3'"]
EXACT = [
    "demo==1.0",
    "demo[all]==1.0 ; python_version > '3'",
    "demo==1.0 --hash=sha256:00",
    "-r other.txt",
    "./demo.whl",
]
PIP = f"{CONTAINERFILE}COPY requirements.txt /tmp/\nRUN pip install -r /tmp/requirements.txt\n"


@pytest.mark.parametrize("line", OPEN)
def test_a_requirement_that_leaves_the_version_open_is_pointed_at(line):
    (problem,) = found(containerfile=PIP, requirements__txt=f"# What it needs.\n\n{line}\n")
    assert (problem.severity, problem.message) == ("warning", "pip installs whatever is newest: name==version")
    assert problem.location() == "recipes/demo/images/app/requirements.txt:3:1"
    assert problem.source == line


@pytest.mark.parametrize("line", EXACT)
def test_a_requirement_of_one_version_has_no_finding(line):
    assert found(containerfile=PIP, requirements__txt=f"{line}\n") == []


NPM = f"{CONTAINERFILE}COPY package.json /srv/\nRUN cd /srv && npm install --omit=dev\n"


@pytest.mark.parametrize("version", ["^1.0.0", "~1.0", "latest", "*", ">=1 <2", "1.x || 2"])
def test_a_package_that_leaves_the_version_open_is_pointed_at(version):
    package = f'{{\n "name": "app",\n "dependencies": {{\n  "demo": "{version}"\n }}\n}}\n'
    (problem,) = found(containerfile=NPM, package__json=package)
    assert problem.location() == "recipes/demo/images/app/package.json:4:1"
    assert problem.message == "npm installs whatever is newest: name@version"
    lock = {"package-lock__json": "{}"}
    assert found(containerfile=NPM, package__json=package, **lock) == []


@pytest.mark.parametrize(
    "package", ['{"dependencies": {"demo": "1.0.2"}}', '{"dependencies": {"demo": "file:../demo"}}', "{}", "[]", "no"]
)
def test_a_package_of_one_version_has_no_finding(package):
    assert found(containerfile=NPM, package__json=package) == []


def test_a_script_in_a_containerfile_is_read_line_by_line():
    script = "RUN <<'END'\nset -e\npip install demo\nEND\nCOPY start /srv/\n"
    assert [item.line for item in found(containerfile=CONTAINERFILE + script)] == [7, 9]


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "MYSQL_ROOT_PASSWORD", "adminPass", "SECRET_KEY_BASE", "NC_API_TOKEN", "app_key"]
)
@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("changeme", True),
        ("1234", True),
        ("", False),
        ("/run/secrets/key", False),
        ("{{ settings.note }}", False),
        ("unused", False),
        ("true", False),
    ],
)
def test_a_variable_with_the_name_of_a_secret_has_no_value_of_one(name, value, wrong):
    recipe = RECIPE.replace("environment: {", f'environment: {{{name}: "{value}", ', 1)
    assert [item.message for item in found(recipe)] == ["everybody who reads the recipe knows this value"] * wrong


@pytest.mark.parametrize(
    "name",
    ["PASSWORD_MIN_LENGTH", "TOKEN_LIFETIME", "COMPASS", "KEYBOARD", "BYPASS", "SECRETS_DIRECTORY", "ADMIN_USER"],
)
def test_a_variable_of_another_name_may_have_any_value(name):
    assert found(RECIPE.replace("environment: {", f"environment: {{{name}: changeme, ", 1)) == []


HONOURING = RECIPE.replace(
    "settings:\n", "honours: {mail: The server., timezone: TZ., admin: MAIL.}\nsettings:\n", 1
).replace("environment: {", 'mail: true\n    environment: {TZ: "{{ timezone }}", MAIL: "{{ email }}", ', 1)


def test_a_directive_that_a_template_uses_is_honoured():
    assert found(HONOURING) == []


def test_what_is_compiled_only_with_a_directive_is_looked_at_too():
    recipe = HONOURING.replace("{{ email }}", "{{ mail.hots if mail else email }}")
    assert [item.message for item in found(recipe)] == ["there is no 'hots'; did you mean host?"]


def test_what_is_compiled_only_with_an_option_is_looked_at_too():
    setting = "  open: {type: boolean, default: true, help: Who reads it., documentation: https://example.org/docs}\n"
    recipe = RECIPE.replace("settings:\n", f"settings:\n{setting}", 1)
    recipe = recipe.replace("{{ settings.note }}", "{{ settings.note if settings.open else nothing }}")
    assert [item.message.partition(";")[0] for item in found(recipe)] == ["'nothing' is undefined"]


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


def test_a_recipe_without_data_needs_no_backup():
    recipe = RECIPE.replace(BACKUP, "").replace("volumes:\n  data: {}\n", "")
    assert found(recipe.replace("    volumes: {data: /srv/data}\n", "")) == []


def test_what_is_dumped_without_more_is_running():
    recipe = RECIPE.replace(BACKUP, f"database: postgres\n{BACKUP}")
    assert found(recipe) == []
    assert [item.severity for item in found(recipe.replace(BACKUP, ""))] == ["warning"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_recipe_that_is_shipped_says_how_its_backup_is_consistent(name):
    bundle = read_recipe(str(ROOT / "recipes" / name), name)
    assert bundle.recipe.backup
    for setting, options in bundle.recipe.variants.items():
        for option in options:
            assert with_options(bundle, ((setting, option),)).recipe.backup == bundle.recipe.backup
    assert [item for item in lint(bundle, shared_files()) if item.key.startswith("backup")] == []


@pytest.mark.parametrize("name", ["radicale", "static", "wordpress"])
def test_example_recipes_have_no_findings(name):
    assert lint(read_recipe(str(ROOT / "recipes" / name), name), shared_files()) == []
