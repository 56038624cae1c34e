"""eject: the files that an instance runs from, and a README.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from acting import acting

from chainsaw.compile.intent import compile_intent
from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import account, facts, files
from chainsaw.host.store import generations
from chainsaw.model.block import SIZE, Range, Ranges
from chainsaw.work.config.inputs import read_inputs
from chainsaw.work.lifecycle import eject as ejecting
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.result import Quiet
from chainsaw.work.users import users

eject = acting(ejecting.eject)
RANGES = [Range("admin", 100000, SIZE), Range("admin", 8 * SIZE, 64 * SIZE)]


@pytest.fixture
def blog(admin, monkeypatch):
    """The WordPress of an admin who has a wiki and settings of the site beside it, and has applied all of it."""
    monkeypatch.setattr(account, "ranges_of", lambda name, uid: Ranges(RANGES, RANGES))
    monkeypatch.setattr(facts, "podman_version", lambda paths: (5, 4))
    admin.write("site.yaml", "timezone: Europe/Vienna\n")
    admin.declare("blog")
    admin.write("instances/wiki.yaml", "recipe: dokuwiki\nroute: https://wiki.example.org/\n")
    publish(admin)
    return admin


def publish(admin):
    """Make what is declared the current generation."""
    compiled = compile_intent(read_inputs(admin.account, catalog_of(admin.paths)))
    manifest, tree = compiled.site(compiled.instances)
    generations.write_generation(admin.paths, manifest.model_copy(update={"number": 1}), tree)
    files.replace_link(admin.paths.current, "1")


def test_who_may_visit_comes_along(blog, tmp_path):
    acting(users.add_user)("kim", ["board"], users.Wanted("long enough"), Quiet())
    blog.write("instances/blog.yaml", blog.read("instances/blog.yaml") + "auth: login\n")
    publish(blog)
    eject("blog", str(tmp_path / "ejected"))
    page = (tmp_path / "ejected/README.md").read_text()
    assert f"- `{blog.paths.logins}`: who may log in" in page
    assert "/images/login" in page
    assert (tmp_path / "ejected/1/quadlets/chainsaw-logins.container").exists()


def refused(*arguments):
    with pytest.raises(ChainsawError) as caught:
        eject(*arguments)
    return caught.value.diagnostics[0].code, caught.value.exit


def below(directory):
    return {str(path.relative_to(directory)): path for path in Path(directory).rglob("*") if path.is_file()}


def test_its_files_are_those_that_it_runs_from_but_for_where_they_are(blog, tmp_path):
    out = tmp_path / "ejected"
    done = eject("blog", str(out))
    assert done.lines == (f"blog is in {out}; how to use it: {out}/README.md",)
    current = below(f"{blog.paths.generations}/1")
    found = below(out / "1")
    own = {path for path, owner in blog.account.current().owners.items() if owner == "blog"}
    assert own <= {str(path.relative_to(out / "1")) for path in (out / "1").rglob("*")}
    quadlet = "quadlets/app@blog.db.container"
    assert body(found[quadlet]).replace(str(out), blog.paths.generations) == body(current[quadlet])


def body(file):
    """Return a file without the digest of it, which stands at its top."""
    return "\n".join(line for line in file.read_text().splitlines() if not line.startswith("# digest"))


def test_what_needs_chainsaw_itself_is_not_included(blog, tmp_path):
    blog.write("site.yaml", "backup: {every: daily, drill: weekly}\n")
    publish(blog)
    assert blog.account.current().instances["blog"].scheduled.timers
    eject("blog", str(tmp_path / "ejected"))
    assert not [
        path for path in below(tmp_path / "ejected/1") if "chainsaw-backup@" in path or "chainsaw-drill@" in path
    ]
    assert "backup" not in (tmp_path / "ejected/1/units/chainsaw.target").read_text()


def test_other_instances_and_site_settings_are_not_included(blog, tmp_path):
    eject("blog", str(tmp_path / "ejected"))
    assert not [path for path in below(tmp_path / "ejected/1") if "wiki" in path or path == "intent/site.yaml"]
    assert "wiki" not in (tmp_path / "ejected/1/nginx/nginx.conf").read_text()


def test_a_directory_in_which_something_is_stays_as_it_is(blog, tmp_path):
    (tmp_path / "mine").write_text("mine")
    assert refused("blog", str(tmp_path)) == ("not-empty", Exit.FAILED)


def test_only_what_is_declared_and_applied_can_be_compiled_for_another_place(blog, tmp_path):
    blog.declare("club")
    assert refused("club", str(tmp_path / "out")) == ("not-applied", Exit.MISSING)
    blog.retract("blog")
    assert refused("blog", str(tmp_path / "out")) == ("no-instance", Exit.MISSING)
    assert not (tmp_path / "out").exists()
