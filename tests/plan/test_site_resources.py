"""Nothing of a site is forgotten: each of its paths is in its backup, or it is known how it is made again."""

from __future__ import annotations

import inspect
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pytest

from chainsaw.model.frontpaths import FrontPaths
from chainsaw.model.paths import Paths
from chainsaw.plan.site_resources import made_again, owned_by, site_resources

PATHS = Paths.of("/home/admin", {})
ABOVE = {"home", "config", "data", "state", "root", "ejected"}
"""Directories of which the parts are listed."""
OF_INSTANCES = {"socket", "up_file", "tried_file", "backup_record", "instance_lock", "program", "due"}
"""What is below no directory of an instance, and belongs to one all the same: plan/resources.py lists it."""


def every_path():
    """Yield each path that Paths knows, under its name."""
    for name, member in inspect.getmembers(Paths) + inspect.getmembers(FrontPaths):
        if name.startswith("_") or name in ABOVE | OF_INSTANCES | {"of"}:
            continue
        if isinstance(member, property):
            yield name, getattr(PATHS, name)
        elif inspect.isfunction(member):
            words = inspect.signature(member).parameters
            yield name, getattr(PATHS, name)(*(True if word == "public" else "x" for word in list(words)[1:]))


def is_excluded(path, patterns):
    """Return whether a path in a tree, or a directory above it, is left out."""
    names = path.split("/")
    return any(fnmatchcase("/".join(names[:count]), one) for count in range(1, len(names) + 1) for one in patterns)


def is_in(path, directory):
    return PurePosixPath(path).is_relative_to(directory)


@pytest.mark.parametrize(("name", "path"), sorted(set(every_path())))
def test_each_path_of_the_site_is_kept_or_made_again(name, path):
    kept = [
        item.kept_as
        for item in site_resources(PATHS)
        if is_in(path, item.path) and not is_excluded(path.removeprefix(f"{item.path}/"), item.excludes)
    ]
    again = [place for place, _ in made_again(PATHS) if is_in(path, place)]
    assert kept or again, f"{name}: {path} is in no backup of the site, and nobody knows how it is made again"
    assert not (kept and again), f"{name}: {path} is kept, and made again"


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("site/front/certificates/blog.example/pair.pem", 0o400),
        ("site/front/certificates/blog.example/former-certificate.pem", 0o444),
        ("site/logins/session_key", 0o400),
        ("site/front/authority/ca.key", None),
        ("site/front/certificates/blog.example/hsts", None),
        ("site/logins/users.json", None),
    ],
)
def test_what_the_front_and_the_login_service_read_is_theirs(path, mode):
    found = owned_by(path)
    assert (found.mode if found else None) == mode
