"""Two commands at once: one switches while the other waits for its instances, and nothing of either is lost."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from another import another_chainsaw
from fake import replaces

from chainsaw.compile.intent import compile_intent
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import account, facts, files
from chainsaw.host.lock import held_paths
from chainsaw.host.podman import storage
from chainsaw.host.store import generations, operations, records
from chainsaw.host.store.operations import Unfinished
from chainsaw.host.systemd import UserManager
from chainsaw.model.block import Range, Ranges
from chainsaw.plan import actions as act
from chainsaw.plan.diff import FRONT_SOCKET
from chainsaw.work.apply import apply as applying
from chainsaw.work.apply.session import Session
from chainsaw.work.config.inputs import read_inputs
from chainsaw.work.history.diff import intent_of
from chainsaw.work.recipes.catalog import catalog_of
from chainsaw.work.recipes.images import Images
from chainsaw.work.result import Quiet, Request, Result

DOES_NOT_WORK = Diagnostic("probe", "it answers 500")
NO_IMAGE = Diagnostic("no-image", "its image is not there")


@replaces(UserManager)
@dataclass
class Manager:
    """A user manager whose units are what the site says."""

    units: dict[str, str]

    def states(self, patterns):
        return dict(self.units)

    def ports_of(self, name):
        return frozenset({80, 443})

    def start_api(self):
        return None


@replaces(Images)
class Store:
    """A store with every image that is needed."""

    def is_known(self, need):
        return True


@dataclass
class Site:
    """A site whose units exist in the records alone; `broken` are the titles with which an instance does not work."""

    admin: Any
    broken: set[str] = field(default_factory=set)
    waits: dict[str, Callable[[], object]] = field(default_factory=dict)
    rounds: list[list[str]] = field(default_factory=list)
    without_image: set[str] = field(default_factory=set)
    refuses: list[str] = field(default_factory=list)
    """Why the front does not reload, once for each."""
    fault: Exception | None = None
    """What a reload of the front meets, once, that nobody thought of."""
    units: dict[str, str] = field(default_factory=lambda: {FRONT_SOCKET: "active"})

    def apply(self, *names: str, why: str = "", keeps: bool = False) -> Result:
        """Apply; what is to happen while it waits for an instance happens once, in another thread."""
        return applying.apply(self.admin.account, Request(names, why=why, keeps=keeps), Quiet())

    def session(
        self, account: Any, request: Any, report: Any, work: Any, given: Any, locks: Any, earlier: Any
    ) -> Result:
        inputs = read_inputs(account, catalog_of(account.paths), (5, 4))
        manager: Any = Manager(self.units)
        store: Any = Store()
        catalog, compiled = catalog_of(account.paths), compile_intent(inputs)
        number = generations.current_number(account.paths)
        result: Result = work(
            Session(account, catalog, manager, report, compiled, "digest", request, locks, number, store)
        )
        return result

    def carry_out(self, plan: list[act.Step], worker: Any) -> tuple[bool, dict[str, list[Diagnostic]]]:
        """Do what concerns the files, and wait without the lock of the site."""
        self.rounds.append([f"{action.verb} {action.subject()}" for action in plan])
        needed = {action.owner for action in plan if isinstance(action, act.ProvideImage) and action.owner}
        if lost := needed & self.without_image:
            return False, {name: [NO_IMAGE] for name in lost}
        for action in plan:
            self.do(action, worker)
        if worker.is_switching:
            worker.record_switched()
        asked = {action.owner for action in plan if isinstance(action, act.ProbeInstance) and action.owner}
        with worker.unlocked():
            assert self.admin.paths.site_lock not in held_paths()
            for name in sorted(asked & self.waits.keys()):
                thread = threading.Thread(target=self.waits.pop(name))
                thread.start()
                thread.join()
        texts = {name: worker.tree[f"intent/instances/{name}.yaml"].content.decode() for name in asked}
        failing = {name for name, text in texts.items() if any(title in text for title in self.broken)}
        return True, {name: [DOES_NOT_WORK] for name in failing}

    def do(self, action: act.Step, worker: Any) -> None:
        paths = self.admin.paths
        match action:
            case act.RecordBlock():
                worker.record_block(action)
            case act.InstallRecipe():
                worker.install_recipe(action)
            case act.CreateDirectory():
                files.make_directory(action.directory.path)
            case act.CreateSecret():
                files.write_atomic(action.secret.path, b"x")
            case act.ExportStatic():
                files.make_directory(f"{paths.static}/{action.export.key}")
            case act.WriteGeneration():
                worker.manifest = worker.manifest.model_copy(update={"number": action.number})
                generations.write_generation(paths, worker.manifest, worker.tree)
            case act.Activate():
                worker.activate(action)
            case act.Link():
                worker.link(action)
            case act.StartUnit():
                self.units |= dict.fromkeys([action.name, *dict(action.digests)], "active")
                records.write_applied(paths, records.read_applied(paths) | dict(action.digests))
            case act.StopUnit():
                self.units.pop(action.name)
            case act.ReloadFront() if self.fault:
                fault, self.fault = self.fault, None
                raise fault
            case act.ReloadFront() if self.refuses:
                raise ChainsawError(Diagnostic("not-reloaded", self.refuses.pop()))

    @property
    def unfinished(self) -> Unfinished:
        return operations.unfinished(self.admin.paths)

    def titles(self) -> dict[str, str]:
        """Return the title of each instance of the current generation."""
        found = intent_of(self.admin.paths, generations.current_number(self.admin.paths))
        return {path: text.partition("title: ")[2].strip() for path, text in found.items() if "title: " in text}

    def marked(self, number: int) -> dict[str, str]:
        """Return the files of the commit of a generation."""
        names = self.admin.git("ls-tree", "-r", "--name-only", f"refs/chainsaw/{number}", "instances").split()
        return {name: self.admin.git("show", f"refs/chainsaw/{number}:{name}") for name in names}


@pytest.fixture
def site(admin, monkeypatch) -> Site:
    found = Site(admin)
    range_ = [Range("admin", 524288, 64 * 65536)]
    monkeypatch.setattr(account, "ranges_of", lambda name, uid: Ranges(range_, range_))
    monkeypatch.setattr(storage, "lost_from", lambda paths, manifest: frozenset())
    monkeypatch.setattr(applying, "_in_session", found.session)
    monkeypatch.setattr(applying, "carry_out", found.carry_out)
    admin.declare("blog", "old walks")
    found.apply()
    return found


BLOG, CLUB = "instances/blog.yaml", "instances/club.yaml"


def test_a_rollback_keeps_what_another_command_applied_meanwhile(site):
    site.admin.declare("blog", "new walks")
    site.broken = {"new walks"}

    def another():
        site.admin.declare("club", "chess")
        assert site.apply("club").exit is Exit.OK

    site.waits = {"blog": another}
    result = site.apply("blog")
    assert result.exit is Exit.DEGRADED
    assert [item.message for item in result.diagnostics] == [
        "it answers 500",
        "blog was rolled back: it runs as before",
    ]
    assert "club" not in "".join(result.lines)
    assert site.titles() == {BLOG: "old walks", CLUB: "chess"}
    assert site.unfinished == Unfinished()


def test_a_rollback_keeps_the_site_that_another_command_applied(site):
    site.admin.declare("blog", "new walks")
    site.broken = {"new walks"}

    def another():
        site.admin.write("site.yaml", "ports:\n  http: 8080\n  https: 8443\n")
        site.apply("club")
        site.admin.write("site.yaml", "nonsense, not yet applied\n")

    site.admin.declare("club", "chess")
    site.waits = {"blog": another}
    site.apply("blog")
    paths = site.admin.paths
    assert intent_of(paths, generations.current_number(paths))["site.yaml"].startswith("ports:\n  http: 8080\n")
    assert ":8443" in (files.read_text(f"{paths.current}/units/chainsaw-front.socket") or "")


def test_the_commit_of_each_generation_has_the_files_of_both(site):
    site.admin.declare("blog", "new walks")
    site.admin.declare("club", "chess")

    def another():
        site.admin.declare("wiki", "knots")
        site.apply("wiki", why="for the sailors")

    site.waits = {"club": another}
    site.apply(why="spring")
    later = generations.current_number(site.admin.paths)
    assert set(site.marked(later)) == {BLOG, CLUB, "instances/wiki.yaml"}
    assert "new walks" in site.marked(later)[BLOG]
    # The generation that was overtaken is in the history; no commit claims to have exactly its files.
    assert site.admin.subjects()[:2] == ["apply: blog, club", "apply: wiki"]
    assert "spring" in site.admin.git("log", "-1", "--format=%b")
    assert (
        str(later - 1) not in site.admin.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/chainsaw/").split()
    )


def test_a_command_that_ends_first_leaves_the_files_of_the_other_to_both(site):
    """Another command has made a generation with its instance, and still waits for it."""
    site.admin.declare("club", "chess")

    def another():
        site.admin.declare("blog", "new walks")
        site.admin.declare("later", "not yet applied")
        assert site.apply("blog").exit is Exit.OK
        number = generations.current_number(site.admin.paths)
        assert set(site.marked(number)) == {BLOG, CLUB}

    site.waits = {"club": another}
    assert site.apply("club").exit is Exit.OK
    assert site.unfinished == Unfinished()


def test_what_was_installed_meanwhile_is_not_taken_for_compiled(site):
    site.admin.declare("club", "chess")
    recipe = f"{site.admin.paths.recipes}/sailors/wiki@1/recipe.yaml"
    site.waits = {"club": lambda: files.write_atomic(recipe, b"name: wiki\n")}
    assert site.apply().exit is Exit.OK
    known = records.read_compiled(site.admin.paths)
    assert known is not None
    assert known.recipes != files.directory_digest(site.admin.paths.recipes)


def test_what_another_command_has_made_current_is_not_taken_for_compiled(site):
    before = records.read_compiled(site.admin.paths)
    site.admin.declare("club", "chess")

    def another():
        site.admin.declare("wiki", "knots")
        site.apply("wiki")

    site.waits = {"club": another}
    site.apply()
    assert records.read_compiled(site.admin.paths) == before


def test_what_does_not_work_stays_as_it_is_where_that_is_wanted(site):
    site.admin.declare("blog", "new walks")
    site.admin.declare("club", "chess")
    site.broken = {"new walks", "chess"}
    result = site.apply(keeps=True)
    assert result.exit is Exit.DEGRADED
    notes = [item.message for item in result.diagnostics if item.severity == "note"]
    assert notes == [f"{name} does not work, and stays as it is" for name in ("blog", "club")]
    assert site.titles() == {BLOG: "new walks", CLUB: "chess"}


def test_what_could_not_be_prepared_does_not_stay(site):
    site.admin.declare("club", "chess")
    site.without_image = {"club"}
    result = site.apply(keeps=True)
    assert result.diagnostics[-1].message == "club was rolled back: it was not installed; its data, if any, is kept"
    assert site.titles() == {BLOG: "old walks"}


def test_what_does_not_work_is_not_proven_and_there_may_be_nothing_to_roll_back_to(site):
    """The command that brought it was killed before it could see that."""
    operations.write_begin(site.admin.paths, 1, 0, ["blog"])
    operations.write_switched(site.admin.paths, 1)
    site.broken, site.rounds = {"old walks"}, []
    for _ in range(2):
        result = site.apply()
        assert result.exit is Exit.DEGRADED
        assert result.diagnostics[-1].message.startswith("blog does not work, and it is what was there before")
        assert site.unfinished == Unfinished(instances=frozenset({"blog"}))
    assert len(site.rounds) == 2, "what runs already is not tried twice"
    site.broken = set()
    assert site.apply().exit is Exit.OK
    assert site.unfinished == Unfinished()


def test_what_worked_before_and_does_not_now_is_called_so(site):
    site.admin.declare("blog", "new walks")
    site.broken = {"new walks", "old walks"}
    result = site.apply()
    assert result.diagnostics[-1].message == "blog was rolled back, and does not work as it was before either"
    assert site.unfinished == Unfinished(instances=frozenset({"blog"}))


def test_an_instance_of_another_command_is_not_recorded(site):
    paths = site.admin.paths
    operations.write_begin(paths, 1, 0, ["blog"])
    operations.write_switched(paths, 1)
    site.admin.declare("club", "chess")
    with another_chainsaw(paths.instance_lock("blog"), "chainsaw apply blog"):
        assert site.apply("club").exit is Exit.OK
    assert site.unfinished == Unfinished(instances=frozenset({"blog"}))
    lines = (files.read_text(paths.journal) or "").splitlines()
    assert not [line for line in lines if '"blog", "club"' in line]


def test_an_open_entry_outlives_the_trimming_of_the_journal(site):
    paths = site.admin.paths
    operations.write_begin(paths, 1, 0, ["blog"])
    operations.write_switched(paths, 1)
    operations.write_stopped(paths, "club", ["app@club.service"])
    for number in range(2 * operations.JOURNAL_LINES):
        operations.write_done(paths, number, ["wiki"])
    operations.trim_journal(paths)
    assert len((files.read_text(paths.journal) or "").splitlines()) < operations.JOURNAL_LINES + 10
    assert site.unfinished == Unfinished(instances=frozenset({"blog"}))
    assert operations.stopped(paths) == {"club": ("app@club.service",)}


def test_what_cannot_be_prepared_keeps_no_other_instance_from_its_change(site):
    """An instance that did not change has lost its image, and nothing to roll back to."""
    site.units, site.without_image = {FRONT_SOCKET: "active"}, {"blog"}
    site.admin.declare("club", "chess")
    result = site.apply()
    assert result.exit is Exit.DEGRADED
    assert site.titles() == {BLOG: "old walks", CLUB: "chess"}
    assert any(line.startswith("club is live") for line in result.lines)
    assert result.diagnostics[-1].message.startswith("blog does not work, and it is what was there before")
    assert site.unfinished == Unfinished()


def test_nothing_is_called_live_that_was_never_switched(site):
    site.without_image = {"club"}
    site.admin.declare("club", "chess")
    result = site.apply()
    assert result.exit is Exit.DEGRADED
    assert result.diagnostics[-1].message.startswith("club was rolled back: it was not installed")
    assert not [action for action in result.data["actions"] if action["instance"] == "club"]
    assert not [line for line in result.lines if "live" in line or "updated" in line]


def test_a_switch_that_the_front_refuses_is_rolled_back(site):
    """What was served before is served again at once; the next apply tries what is declared."""
    before = site.titles()
    site.admin.declare("blog", "new walks")
    site.admin.declare("club", "new club")
    site.refuses = ["its worker died"]
    with pytest.raises(ChainsawError) as caught:
        site.apply()
    assert [(item.code, item.severity) for item in caught.value.diagnostics] == [
        ("not-reloaded", "error"),
        ("site-rolled-back", "note"),
    ]
    assert site.titles() == before
    assert site.unfinished == Unfinished(), "nobody needs to prove what was never served"
    assert "app@club.service" not in site.units
    numbers = generations.numbers(site.admin.paths)
    served = [intent_of(site.admin.paths, number).get(BLOG, "") for number in numbers]
    assert not any("new walks" in text for text in served), "a rollback does not return to what was never served"
    site.apply()
    assert site.titles() == {BLOG: "new walks", CLUB: "new club"}


def test_the_ports_of_the_front_are_its_own_also_when_the_generations_are_lost(site, monkeypatch):
    monkeypatch.setattr(facts, "listeners", lambda: {80, 443})
    site.admin.declare("club", "chess")
    shutil.rmtree(site.admin.paths.generations)
    assert site.apply().exit is Exit.OK
    site.units.pop(FRONT_SOCKET)
    site.admin.declare("club", "new club")
    with pytest.raises(ChainsawError, match="another program listens on port 80"):
        site.apply()


def test_a_fault_of_chainsaw_in_a_switch_leaves_the_site_as_it_was(site):
    before = site.titles()
    site.admin.declare("blog", "new walks")
    site.fault = KeyError("a property that a socket does not have")
    with pytest.raises(KeyError):
        site.apply()
    assert site.titles() == before
    assert site.unfinished == Unfinished()


def test_a_rollback_that_the_front_refuses_too_is_said(site):
    site.admin.declare("blog", "new walks")
    site.refuses = ["still dead", "its worker died"]
    with pytest.raises(ChainsawError) as caught:
        site.apply()
    assert [item.message for item in caught.value.diagnostics] == ["its worker died", "still dead"]
    assert site.unfinished.switch
    site.apply()
    assert site.titles()[BLOG] == "new walks"
