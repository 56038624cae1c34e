"""Secrets are listed without their values; a new one is changed in the application before its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from acting import acting
from fake import replaces
from identity import identity

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host.podman import Podman
from chainsaw.host.process import Outcome
from chainsaw.host.step import Steps
from chainsaw.model.deployment import Deployment, ProbeRequest, SecretFile
from chainsaw.model.recipe import Rotation
from chainsaw.model.route import Route
from chainsaw.model.volume import Ids
from chainsaw.work.config import site_secrets
from chainsaw.work.data import secrets
from chainsaw.work.data.secrets import rotate
from chainsaw.work.recipes.catalog import Catalog
from chainsaw.work.recipes.installed import store_recipe
from chainsaw.work.result import Quiet

list_secrets, show_secret = acting(secrets.list_secrets), acting(secrets.show_secret)
rotate_secret = acting(secrets.rotate_secret)

IDS = Ids(uid=590824, gid=590824)
RECIPE = """
secrets:
  password: {help: The password of the first user., rotate: {component: app, command: [wiki, passwd]}}
  salt: {help: What signs cookies., rotate: {}}
  pepper: {help: What hashes passwords.}
images: {app: {build: images/app}}
components:
  app: {image: app, secrets: [password, salt, pepper], health: {command: ["true"]}, memory: 64M}
serve: {http: {}}
"""
COMMAND = Rotation(component="app", command=("wiki", "passwd"))


def secret(admin, key):
    return SecretFile(path=admin.paths.secret("blog", key), key=key, length=24, ids=IDS)


@pytest.fixture
def blog(admin, tmp_path):
    """An applied instance of a recipe with one secret for each kind of rotation."""
    return applied(admin, tmp_path, RECIPE, ("password", "salt", "pepper"))


def applied(admin, tmp_path, recipe, keys):
    """Return an instance with secrets that is applied."""
    directory = tmp_path / "shipped/wiki"
    (directory / "images/app").mkdir(parents=True)
    (directory / "images/app/Containerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (directory / "recipe.yaml").write_text(identity("wiki") + recipe)
    bundle = Catalog(str(directory.parent), paths=admin.paths).bundle("wiki")
    store_recipe(admin.paths, bundle)
    for key in keys:
        files.write_atomic(admin.paths.secret("blog", key), f"the {key} of before".encode(), 0o400)
    deployment = Deployment(
        name="blog",
        recipe="wiki",
        version="1-1",
        origin="chainsaw/wiki",
        digest=bundle.digest,
        routes=(Route(host="blog.example.org", path="/"),),
        block=589824,
        secrets=tuple(secret(admin, key) for key in keys),
        probe=ProbeRequest(path="/", status=200),
    )
    admin.arrange(deployment)
    return deployment


def refused(function, *arguments):
    with pytest.raises(ChainsawError) as caught:
        function(*arguments)
    return caught.value.diagnostics[0], caught.value.exit


def test_secrets_are_listed_with_what_they_are_for_and_how_they_are_changed(blog):
    listed = list_secrets("blog")
    assert listed.table.rows == (
        ("password", "The password of the first user.", "by a command in app"),
        ("salt", "What signs cookies.", "by a restart"),
        ("pepper", "What hashes passwords.", "in the application only"),
    )
    assert "of before" not in str(listed)


IN_A_VARIANT = """
settings:
  login: {type: choice, options: [own, common], default: own, help: Who asks., documentation: https://e.org/}
variants:
  login:
    common:
      secrets: {token: {help: For the common login., rotate: {component: app, command: [wiki, token]}}}
      components: {app: {secrets: [password, salt, pepper, token]}}
"""


@pytest.mark.parametrize(("login", "keys"), [("own", ("password",)), ("common", ("password", "token"))])
def test_a_secret_that_only_a_variant_has_is_listed_and_changed_where_it_is_chosen(
    admin, tmp_path, podman, monkeypatch, login, keys
):
    applied(admin, tmp_path, RECIPE + IN_A_VARIANT, keys)
    text = f"recipe: wiki\nroute: https://blog.example.org/\nsettings: {{login: {login}}}\n"
    files.write_atomic(f"{admin.paths.current}/intent/instances/blog.yaml", text.encode())
    rows = {row[0]: row[2] for row in list_secrets("blog").table.rows}
    assert rows.get("token") == ("by a command in app" if "token" in keys else None)
    changed = []
    monkeypatch.setattr(secrets, "_start_service", lambda account, deployment: None)
    monkeypatch.setattr(secrets, "rotate", lambda *words: changed.append(words[-1]))
    if "token" in keys:
        rotate_secret("blog", "token", Quiet())
        assert changed == [Rotation(component="app", command=("wiki", "token"))]
    else:
        assert refused(rotate_secret, "blog", "token", Quiet())[0].code == "no-secret"


def test_an_instance_without_secrets_says_so(admin, blog):
    bundle = Catalog(paths=admin.paths).bundle("static")
    pages = {"name": "www", "recipe": "static", "origin": bundle.origin, "digest": bundle.digest}
    admin.arrange(blog.model_copy(update=pages))
    assert list_secrets("www").lines == ("www has no secrets",)


def test_a_secret_is_shown_when_it_is_asked_for(blog, podman):
    assert show_secret("blog", "password").lines == ("the password of before",)


def test_a_value_that_is_only_coming_is_no_secret_of_its_own(admin, blog, podman):
    files.write_atomic(f"{admin.paths.secret('blog', 'password')}.next", b"the next", 0o400)
    problem, code = refused(show_secret, "blog", "password.next")
    assert (problem.code, code) == ("name", Exit.INVALID)
    assert refused(show_secret, "blog", "passwort")[0].hint == "secrets of blog: password, pepper, salt"


@pytest.mark.parametrize(
    ("name", "key", "code", "ending", "reported"),
    [
        ("blog", "passwort", "no-secret", Exit.MISSING, "blog has no secret 'passwort'; did you mean password?"),
        ("blog", "pepper", "no-rotation", Exit.INVALID, "wiki does not say how pepper is changed"),
        ("blgo", "salt", "no-instance", Exit.MISSING, "no instance 'blgo'; did you mean blog?"),
    ],
)
def test_what_cannot_be_changed_is_refused(admin, blog, podman, name, key, code, ending, reported):
    problem, found = refused(rotate_secret, name, key, Quiet())
    assert (problem.code, found, problem.message) == (code, ending, reported)
    assert podman.read_text() == ""
    for key in ("password", "salt", "pepper"):
        assert Path(admin.paths.secret("blog", key)).read_text() == f"the {key} of before"


def test_what_is_declared_and_not_applied_has_no_secrets_yet(admin, blog):
    admin.declare("club")
    assert refused(rotate_secret, "club", "salt", Quiet())[0].code == "not-applied"
    assert refused(list_secrets, "club")[0].code == "not-applied"


def test_a_secret_of_a_stopped_instance_cannot_be_rotated(admin, blog, podman):
    admin.arrange(blog.model_copy(update={"serving": "stopped"}))
    problem, code = refused(rotate_secret, "blog", "password", Quiet())
    assert (problem.code, problem.hint, code) == ("stopped", "chainsaw start blog", Exit.INVALID)
    assert not files.exists(f"{admin.paths.secret('blog', 'password')}.next")


@replaces(Podman)
@dataclass
class Wiki:
    """A Podman with a wiki that reads a new password from standard input, or refuses it."""

    broken: bool = False
    known: list[str] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)

    def place(self, items):
        for item in items:
            assert (item.mode, item.ids) == (0o400, IDS)
            files.write_atomic(item.path, item.content, item.mode)

    def read_file(self, path):
        return Path(path).read_bytes()

    def exec(self, container, argv, *, env=None, stdin=None, patience=None):
        assert container == "blog.app"
        self.argv += argv
        self.known.append(stdin.decode())
        return Outcome(1, b"", b"no such user\n") if self.broken else Outcome(0, b"", b"")


@pytest.fixture
def password(admin, blog):
    return secret(admin, "password")


def test_a_new_value_is_passed_on_standard_input_and_then_written_to_the_file(blog, password):
    wiki: Any = Wiki()
    rotate(wiki, Steps(""), blog, password, COMMAND)
    assert wiki.argv == ["wiki", "passwd"]
    assert wiki.known == [Path(password.path).read_text()]
    assert len(wiki.known[0]) == 24
    assert wiki.known[0].isalnum()
    assert not files.exists(f"{password.path}.next")


def test_a_secret_that_a_restart_applies_is_only_written(blog, password):
    wiki: Any = Wiki()
    rotate(wiki, Steps(""), blog, password, Rotation())
    assert wiki.argv == []
    assert Path(password.path).read_text() != "the password of before"


def test_an_application_that_does_not_take_a_value_keeps_the_one_that_it_has(blog, password):
    wiki: Any = Wiki(broken=True)
    problem, code = refused(rotate, wiki, Steps(""), blog, password, COMMAND)
    assert (problem.code, code) == ("not-rotated", Exit.FAILED)
    assert problem.message == "wiki in blog.app ended with 1: no such user"
    assert problem.hint == "chainsaw logs blog app"
    assert wiki.known[0] not in problem.render()
    assert Path(password.path).read_text() == "the password of before"


def test_a_value_that_an_application_may_have_already_is_offered_again(blog, password):
    wiki: Any = Wiki(broken=True)
    refused(rotate, wiki, Steps(""), blog, password, COMMAND)
    wiki.broken = False
    rotate(wiki, Steps(""), blog, password, COMMAND)
    assert wiki.known[0] == wiki.known[1] == Path(password.path).read_text()
    rotate(wiki, Steps(""), blog, password, COMMAND)
    assert wiki.known[2] != wiki.known[1]


def test_a_secret_of_the_site_that_no_file_names_is_unused_but_for_that_of_backups(admin):
    named = ("smtp_password", "old_password", "kept_password", "backup_password")
    for key in named:
        files.write_atomic(admin.paths.site_secret(key), b"x")
    mail = "mail: {host: smtp.example.org, user: kim, password: {secret: KEY}}\n"
    admin.write("site.yaml", mail.replace("KEY", "smtp_password"))
    admin.write("removed/wiki.yaml", "recipe: wiki\n" + mail.replace("KEY", "kept_password"))
    assert site_secrets.unused_site_secrets(admin.account, ["wiki"]) == ["old_password"]
    assert site_secrets.unused_site_secrets(admin.account, []) == ["kept_password", "old_password"]
    admin.write("site.yaml", "mail: {host: [\n")
    assert site_secrets.unused_site_secrets(admin.account, ["wiki"]) == [], "what a file says is not known"
    assert set(site_secrets.site_secret_keys(admin.account)) == set(named)
