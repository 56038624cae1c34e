"""The linters, as tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from chainsaw.model.access import Auth
from chainsaw.model.certificate import HSTS
from chainsaw.model.publish import Published
from chainsaw.work.recipes.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "command",
    ["ruff check --no-fix --quiet .", "ruff format --check --quiet .", "mypy --no-error-summary"],
)
def test_a_linter_reports_nothing(command):
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


GOLDEN = sorted((ROOT / "tests/golden").iterdir())
ROUTE = {
    "timeout": "20m",
    "websocket_timeout": "2h",
    "headers": {"X-Frame-Options": "SAMEORIGIN"},
    "allow": ["192.0.2.0/24", "2001:db8::/32"],
    "robots": "none",
    "hsts": "180d",
}
LOGINS: dict[str, object] = {
    "nobody": None,
    "all": "login",
    "group": {"login": ["board", "kim"]},
    "admin": {"only": "admin"},
    "public": {"open": "public"},
    "forward": {"forward": "sso"},
    "forward-public": {"forward": "sso", "open": "public"},
    "forward-admin": {"forward": "sso", "only": "admin"},
}
EXPLAINED = {
    # With open_file_cache, which the rest wants for speed, nginx closes connections where disable_symlinks holds.
    "try_files_is_evil_too": r"try_files .+;",
    # A path that is a variable is passed on as it is, and this one is of the address as it was written.
    "proxy_pass_normalized": r"proxy_pass http://unix:/srv/sockets/[^:]+\.sock:\$plain_uri;",
}


@pytest.fixture(params=["Gixy-Next", "gixy-ng"])
def found(request, tmp_path):
    """Return the function that returns what a linter finds in a front's files, by path.

    Both linters are modules of the same name: the Makefile gives gixy-ng a directory of its own, outside of which -S
    finds nothing.
    """
    apart = request.param == "gixy-ng"
    python = [sys.executable, *(["-S"] if apart else []), "-m", "gixy.cli", "--format", "json"]
    environment = {**os.environ, **({"PYTHONPATH": f"{sys.prefix}/apart"} if apart else {})}

    def lint(texts):
        _write(texts, tmp_path)
        done = subprocess.run(
            [*python, str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False, env=environment
        )
        # It warns of what it cannot read.
        assert done.stderr == ""
        return [(item["plugin"], item["config"]) for item in json.loads(done.stdout) if not _is_explained(item)]

    return lint


def _write(texts, directory):
    """Write the files of a front, and those that it has beside them where it runs."""
    strict = f'more_set_headers "Strict-Transport-Security: max-age={HSTS[-1]}";\n'
    hosts = [path.removeprefix("hosts/") for path in texts if path.startswith("hosts/")]
    for path, text in {
        **texts,
        "mime.types": "types {\n}\n",
        **{f"certificates/{host}": strict for host in hosts},
    }.items():
        here = text.replace("/run/certificates/", f"{directory}/certificates/").replace("/etc/nginx/", f"{directory}/")
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(here)


def _is_explained(item):
    """Return whether a linter's finding, which may be of several places, is one that has a reason at each of them."""
    lines = [line.strip() for line in item["config"].splitlines()]
    directives = [line for line in lines if line.endswith(";") and not line.startswith("server_name ")]
    pattern = EXPLAINED.get(item["plugin"], "(?!)")
    return all(re.fullmatch(pattern, line) for line in directives) and directives != []


@pytest.mark.parametrize("case", GOLDEN, ids=lambda path: path.name)
def test_a_linter_of_nginx_finds_nothing(case, found):
    front = case / "expected/nginx"
    assert found({str(path.relative_to(front)): path.read_text() for path in front.rglob("*") if path.is_file()}) == []


@pytest.fixture(scope="module")
def everything(tmp_path_factory, compiled):
    """The files of a front with each recipe behind each login, and all that a route may say."""
    directory = tmp_path_factory.mktemp("everything")
    copytree(ROOT / "recipes", directory / "recipes")
    copytree(ROOT / "tests/golden/forwarded/recipes/sso", directory / "recipes/sso")
    many = ["admin:524288:16777216"]
    (directory / "host.json").write_text(json.dumps({"subuid": many, "subgid": many, "users": {"kim": ["board"]}}))
    instances = directory / "config/instances"
    instances.mkdir(parents=True)
    (instances / "sso.yaml").write_text("recipe: sso\nroute: https://sso.example.org/\n")
    elsewhere = {"https://a.example/": {"redirect": "https://b.example/"}, "https://a.example/old/": {"gone": True}}
    (directory / "config/site.yaml").write_text(json.dumps({"routes": elsewhere}))
    catalog = Catalog(str(directory / "recipes"))
    for name, bundle in catalog.items():
        known = bundle.recipe.serve.auth
        for login, auth in LOGINS.items():
            if ("admin" in login and not known.admin) or ("public" in login and not known.public):
                continue
            url = f"https://{name}-{login}.example.org/{'below/' if bundle.recipe.subpath else ''}"
            route = [{"url": url, **ROUTE}, f"https://{name}-{login}.example.com/"]
            file = {"recipe": name, "route": route, **({"auth": auth} if auth else {})}
            (instances / f"{name}-{login}.yaml").write_text(json.dumps(file))
    tree = compiled(directory).tree
    return {path[6:]: item.content.decode() for path, item in tree.items() if path.startswith("nginx/")}


def test_a_linter_of_nginx_finds_nothing_in_any_recipe_with_any_login(everything, found):
    assert {"url", *ROUTE} == set(Published.model_fields)
    assert {key for auth in LOGINS.values() if isinstance(auth, dict) for key in auth} == set(Auth.model_fields)
    assert len([path for path in everything if path.endswith(".access")]) > 60
    assert found(everything) == []
