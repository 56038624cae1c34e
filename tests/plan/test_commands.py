"""The command of an action can be pasted into a shell."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from chainsaw.host.store import generations, records
from chainsaw.model.deployment import ImageNeed, SecretFile, StaticExport
from chainsaw.model.paths import Paths
from chainsaw.model.volume import Directory, Ids, Volume
from chainsaw.plan import actions as act
from chainsaw.plan.commands import command_of

PROGRAMS = ["chainsaw", "cp", "curl", "install", "ln", "mkdir", "openssl", "podman", "rm", "sudo", "systemctl", "tr"]
IDS = Ids(uid=590824, gid=590825)
ODD = Paths.of("/home/o'brien & sons", {})
EVERY = [
    act.RecordBlock("blog", "blog", 589824),
    act.InstallRecipe("blog", "chainsaw/wiki", f"{ODD.recipes}/chainsaw/wiki@0123"),
    act.ProvideImage("blog", ImageNeed(reference="docker.io/library/debian:trixie")),
    act.ProvideImage("blog", ImageNeed(reference="localhost/chainsaw/wiki-app:1", base="php")),
    act.CreateDirectory("blog", Directory(path=f"{ODD.instance('blog')}/secrets", mode=0o711)),
    act.CreateDirectory("blog", Directory(path=f"{ODD.instance('blog')}/run", mode=0o1777, ids=IDS)),
    act.CreateDirectory(
        "blog", Volume(name="pages", path=ODD.public, mode=0o755, ids=IDS, seed=("chainsaw/wiki", "pages"))
    ),
    act.CreateSecret("blog", SecretFile(path=ODD.secret("blog", "salt"), key="salt", length=64, ids=IDS)),
    act.CreateSecret(
        "blog", SecretFile(path=ODD.secret("blog", "smtp"), key="smtp", length=0, ids=IDS, source=f"{ODD.root}/smtp")
    ),
    act.ExportStatic("blog", StaticExport(key="wiki-1", reference="localhost/a:1", root="/srv/app", scripts=())),
    act.IssueCertificate(None, "blog.example.org"),
    act.ImportCertificate(None, "blog.example.org", "/home/kim/my chain.pem", "/home/kim/key.pem"),
    act.ObtainCertificate(None, "blog.example.org"),
    act.WriteGeneration(None, 7, (), (), ()),
    act.Activate(None, 7),
    act.Link(None, "app@blog.socket"),
    act.LinkQuadlets(None),
    act.Unlink(None, "app@blog.socket"),
    act.ReloadSystemd(None),
    act.StopUnit("blog", "app@blog.service"),
    act.StartUnit("blog", "app@blog.service", False, ()),
    act.StartUnit("blog", "app@blog.service", True, ()),
    act.ReloadFront(None),
    act.ProbeInstance("blog"),
]


def kinds(kind=act.Action):
    """Return every type of action that a plan may have."""
    return {inner for one in kind.__subclasses__() for inner in ({one} | kinds(one))}


def test_every_type_of_action_has_a_command():
    assert {type(action) for action in EVERY} == kinds()


@pytest.mark.parametrize("action", EVERY, ids=lambda action: f"{action.verb} {action.subject()}"[:40])
def test_a_command_is_quoted_whatever_the_name_of_the_home_directory(action):
    words = shlex.split(command_of(action, ODD))
    assert words[0] in (
        "mkdir",
        "cp",
        "podman",
        "install",
        "sudo",
        "tr",
        "openssl",
        "chainsaw",
        "ln",
        "rm",
        "curl",
    ) or (words[:2] == ["systemctl", "--user"])
    assert "&" not in words, "the home's name is no word of the shell"
    for word in words:
        assert "o'brien" not in word or word.startswith(f"{ODD.home}/"), word


def test_the_commands_of_a_plan_use_the_paths_of_the_admin(goldens):
    site = goldens["wordpress"]
    deployment = site.manifest.instances["blog"]
    places = {item.path: command_of(act.CreateDirectory("blog", item), site.paths) for item in deployment.places}
    own, database = f"{site.paths.instance('blog')}/secrets", f"{site.paths.instance('blog')}/volumes/database"
    assert places[own] == f"install -d -m 0711 {own}"
    assert places[database] == f"sudo install -d -m 0700 -o 590824 -g 590824 {database}"
    salt = next(item for item in deployment.secrets if item.key == "salt")
    assert command_of(act.CreateSecret("blog", salt), site.paths) == (
        "tr -dc A-Za-z0-9 < /dev/urandom | head -c 64"
        f" | sudo install -m 0400 -o 590824 -g 590824 /dev/stdin {site.paths.secret('blog', 'salt')}"
    )


def test_starting_and_restarting_have_different_commands():
    first, again = (command_of(act.StartUnit("blog", "app@blog.service", flag, ()), ODD) for flag in (False, True))
    assert first == "systemctl --user start app@blog.service"
    assert again == "systemctl --user restart app@blog.service"


@pytest.fixture
def paths(tmp_path):
    """The paths of an admin whose home has a name that needs quotes."""
    paths = Paths.of(str(tmp_path / "o'brien & sons"), {})
    for directory in (paths.generations, paths.unit_links, paths.authority, paths.certificates):
        os.makedirs(directory)
    os.makedirs(os.path.dirname(paths.quadlet_link))
    return paths


def typed(action, paths):
    """Run the command of an action in a shell."""
    return subprocess.run(["sh", "-ec", command_of(action, paths)], check=True, capture_output=True, text=True)


def test_a_command_has_the_effect_of_its_action(paths):
    typed(act.RecordBlock("blog", "blog", 589824), paths)
    assert records.read_blocks(paths) == {"blog": 589824}
    assert json.loads(Path(paths.record("blog")).read_text())["name"] == "blog"
    directory = Directory(path=f"{paths.instance('blog')}/secrets", mode=0o711)
    typed(act.CreateDirectory("blog", directory), paths)
    assert os.stat(directory.path).st_mode & 0o7777 == 0o711
    typed(act.Activate(None, 7), paths)
    assert generations.current_number(paths) == 7
    typed(act.LinkQuadlets(None), paths)
    assert os.readlink(paths.quadlet_link) == f"{paths.current}/quadlets"
    typed(act.Link(None, "app@blog.socket"), paths)
    assert os.readlink(f"{paths.unit_links}/app@blog.socket") == f"{paths.current}/units/app@blog.socket"
    typed(act.Unlink(None, "app@blog.socket"), paths)
    assert os.listdir(paths.unit_links) == []


def test_a_certificate_that_is_made_by_hand_is_one_of_the_local_authority(paths):
    from chainsaw.host.certificates import make_authority

    make_authority(paths.authority, "shed")
    typed(act.IssueCertificate(None, "blog.example.org"), paths)
    chain = f"{paths.certificates}/blog.example.org/certificate.pem"
    verify = ["openssl", "verify", "-verify_hostname", "blog.example.org", "-CAfile", f"{paths.authority}/ca.pem"]
    assert subprocess.run([*verify, chain], check=True, capture_output=True, text=True).stdout.endswith(": OK\n")
