"""Locks: an instance's is held from the first read to the last effect, the site's only while it is switched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from another import another_chainsaw
from fake import replaces

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host.lock import held_paths, locked
from chainsaw.host.step import Steps
from chainsaw.host.store import operations, records
from chainsaw.host.systemd import UserManager
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.plan.observed import Observed
from chainsaw.plan.state import attempts_of
from chainsaw.work import interrupted
from chainsaw.work.apply import apply as applying
from chainsaw.work.apply.session import NotReadyError, Plan
from chainsaw.work.inspect.inventory import orphans
from chainsaw.work.lifecycle import rename as renaming
from chainsaw.work.lifecycle.prune import prune
from chainsaw.work.lifecycle.remove import purge, remove
from chainsaw.work.lifecycle.rollback import rollback
from chainsaw.work.locks import Locks, holding, preparing, site
from chainsaw.work.recipes.images import Images
from chainsaw.work.result import Quiet, Request, Result


class Watched(Steps):
    """Steps that check at each step which locks another command could take."""

    def __init__(self, paths, names):
        super().__init__("")
        self.locks = [paths.instance_lock(name) for name in names]
        self.free: list[str] = []

    def step(self, name):
        thread = threading.Thread(target=self._ask, args=(name,))
        thread.start()
        thread.join()
        return super().step(name)

    def _ask(self, step):
        for lock in self.locks:
            try:
                with locked(lock, "another", wait=False, waiting=pytest.fail):
                    self.free.append(f"{lock} before {step}")
            except ChainsawError as error:
                assert error.exit is Exit.LOCKED


@pytest.fixture
def blog(admin):
    """An instance that is declared and has data, but was never applied."""
    admin.declare("blog")
    records.write_block(admin.paths, "blog", 589824)
    files.write_atomic(f"{admin.paths.instance('blog')}/volumes/pages/index", b"walks")
    admin.git("init", "-q", "-b", "main")
    return admin


def removed(account):
    return remove(account, "blog", Request(("blog",)), Quiet())


def purged(account):
    return purge(account, "blog", Request(("blog",)), Quiet())


def renamed(account):
    with pytest.raises(ChainsawError):
        renaming.rename(account, "blog", "club", Request(("blog",)), Quiet())


VERBS = [(removed, ["blog"]), (purged, ["blog"]), (renamed, ["blog", "club"])]


@pytest.mark.parametrize(("verb", "names"), VERBS)
def test_no_other_command_runs_between_the_first_read_and_the_last_effect(blog, podman, verb, names):
    steps = Watched(blog.paths, names)
    verb(replace(blog.account, steps=steps))
    assert steps.free == []
    assert len(steps.done) > 1 or verb is removed


def test_a_rollback_cannot_restore_what_a_purge_is_deleting(blog, podman):
    """A rollback during the purge waits until everything is deleted, and then finds nothing."""
    order: list[str] = []
    thread = threading.Thread(target=lambda: order.append(came_back(blog.account)))

    class Interrupting(Steps):
        def step(self, name):
            if name == "delete data":
                thread.start()
                order.append("stopped")
            return super().step(name)

    purge(replace(blog.account, steps=Interrupting("")), "blog", Request(("blog",)), Quiet())
    order.append("purged")
    thread.join()
    assert order == ["stopped", "purged", "no-instance"]
    assert not files.exists(blog.paths.instance("blog"))


def came_back(account):
    try:
        rollback(account, "blog", None, Request(("blog",)), Quiet())
    except ChainsawError as error:
        return error.diagnostics[0].code
    return "back"


def test_a_rollback_reads_only_with_the_lock_of_the_instance(blog):
    with another_chainsaw(blog.paths.instance_lock("blog"), "chainsaw clone blog club"):
        with pytest.raises(ChainsawError) as caught:
            rollback(blog.account, "blog", None, Request(("blog",), wait=False), Quiet())
        assert caught.value.exit is Exit.LOCKED
        assert "chainsaw clone blog club (process " in str(caught.value)


def test_a_command_that_only_reads_waits_for_no_lock(blog, podman):
    with (
        another_chainsaw(blog.paths.instance_lock("blog"), "chainsaw clone blog club"),
        another_chainsaw(blog.paths.site_lock, "chainsaw apply"),
    ):
        assert orphans(blog.account).data["orphans"] == []


def test_lock_files_are_deleted(blog, podman):
    with holding(blog.account, ("blog", "..", "../blog", ""), "chainsaw apply", Quiet()):
        assert files.list_directory(blog.paths.locks) == ["instance.blog"]
    purged(blog.account)
    assert set(files.list_directory(blog.paths.locks)) <= {"preparing", "site"}


def test_a_deleted_lock_file_is_created_again(tmp_path):
    """Two commands that waited for the same lock never hold it together."""
    path, inside, most = str(tmp_path / "locks/instance.blog"), [], []

    def work():
        for _ in range(50):
            with locked(path, "", wait=True, waiting=lambda text: None, kept=False):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert not Path(path).exists()


def test_locks_are_taken_in_one_order(blog):
    account, report = blog.account, Quiet()
    with holding(account, ("blog", "club"), "", report), preparing(account, "", report), site(account, "", report):
        assert len(held_paths()) == 4
        with holding(account, ("blog",), "", report):
            pass
        with pytest.raises(AssertionError), holding(account, ("wiki",), "", report):
            pass
        with ExitStack() as locks, another_chainsaw(account.paths.instance_lock("docs"), ""):
            assert Locks(account, "", report, locks).take_free({"wiki", "docs"}) == {"docs"}
    assert held_paths() == frozenset()


# apply


def plan_of(goldens, name, **changes):
    """Return the plan of a golden site whose one instance is changed; nothing of it is on the disk."""
    manifest = goldens[name].manifest
    before = manifest.model_copy(update={"instances": dict(manifest.instances)})
    for instance, item in changes.items():
        before.instances[instance] = manifest.instances[instance].model_copy(update=item)
    observed = Observed(manifest=before)
    wanted = Wanted(manifest, {}, goldens[name].paths)
    return Plan(manifest, goldens[name].tree, observed, make_plan(wanted, observed))


def test_a_change_is_distinguished_from_a_repair(goldens):
    plan = plan_of(goldens, "directives", blog={"notes": "others"})
    assert plan.changed == {"blog"}
    assert plan.touched == {"blog", "club"}, "neither runs"
    assert {action.owner for action in plan.without({"club"}).actions} == {"blog", None}


def test_an_apply_waits_for_instances_and_images_without_the_lock_of_the_site(blog, monkeypatch):
    paths, seen, report = blog.paths, [], Quiet()
    goes = threading.Event()

    @replaces(Images)
    class Store:
        def obtain(self, needs):
            seen.append(("obtain", held_paths()))

    store: Any = Store()

    def in_session(account, request, report, work, given, locks, earlier):
        seen.append(("session", held_paths()))
        if earlier is None:
            raise NotReadyError(frozenset({"blog"}), (), store)
        return Result({})

    monkeypatch.setattr(applying, "_in_session", in_session)

    def waiting(text):
        report.note(text)
        with locked(paths.site_lock, "", wait=False, waiting=pytest.fail):
            goes.set()

    class Waiting(Quiet):
        def note(self, text):
            thread = threading.Thread(target=waiting, args=(text,))
            thread.start()
            thread.join()

    def hold():
        with locked(paths.instance_lock("blog"), "chainsaw clone blog club", wait=True, waiting=pytest.fail):
            ready.set()
            goes.wait(10)

    ready = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    ready.wait(10)
    applying.apply(blog.account, Request(), Waiting())
    holder.join()
    assert [text[:43] for text in report.messages] == ["waiting for another chainsaw: chainsaw clone"[:43]]
    first, second = (locks for what, locks in seen if what == "session")
    assert first == {paths.site_lock}
    assert second == {paths.site_lock, paths.instance_lock("blog")}


# interrupted commands


@replaces(UserManager)
class Manager:
    """A user manager whose units are all active, and which records its calls."""

    calls: list[tuple[str, tuple[str, ...]]]

    def __init__(self):
        self.calls, self.broken = [], set()

    def __call__(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def states(self, patterns):
        return {name: "active" for name in patterns if name != "app@blog.db.service"}

    def stop(self, names, timeout):
        self.calls.append(("stop", tuple(names)))

    def start(self, units, timeout, others=()):
        self.calls += [("start", tuple(name for name, _ in units))] if units else []
        return {name: "failed" if name in self.broken else "active" for name, _ in units}


@pytest.fixture
def manager(monkeypatch) -> Manager:
    found = Manager()
    monkeypatch.setattr(interrupted, "UserManager", found)
    return found


@pytest.fixture
def wordpress(admin, goldens):
    """A WordPress that is applied."""
    deployment = goldens["wordpress"].manifest.instances["blog"]
    admin.arrange(deployment)
    return deployment


SOCKET, APP, TIMER = "app@blog.socket", "app@blog.service", "app@blog.cron.timer"


def stop(admin, deployment, work: Callable[[], None]):
    interrupted.while_stopped(admin.account, deployment, work, Quiet())


def test_what_is_stopped_is_written_to_the_journal_first(admin, wordpress, manager):
    def work():
        assert operations.stopped(admin.paths) == {"blog": (TIMER, APP, SOCKET)}

    stop(admin, wordpress, work)
    assert operations.stopped(admin.paths) == {}
    assert [verb for verb, _ in manager.calls] == ["stop", "stop", "start", "start", "start"]
    assert manager.calls[1] == ("stop", attempts_of("blog")), "what would start it again by itself"
    assert [names for verb, names in manager.calls if verb == "start"] == [(SOCKET,), (APP,), (TIMER,)]


def test_what_was_not_started_again_is_started_by_the_next_command(admin, wordpress, manager):
    operations.write_begin(admin.paths, 1, 0, ["blog"])
    operations.write_stopped(admin.paths, "blog", [TIMER, APP, SOCKET])
    assert operations.unfinished(admin.paths).switch, "another matter"
    report = Quiet()
    with holding(admin.account, ("club",), "chainsaw stop club", report):
        pass
    assert [names for _, names in manager.calls] == [(SOCKET,), (APP,), (TIMER,)]
    assert report.messages == ["blog was left stopped by an interrupted command, and is started again"]
    assert operations.stopped(admin.paths) == {}


@pytest.mark.parametrize("lock", [preparing, site])
def test_a_command_that_changes_no_instance_starts_it_too(admin, wordpress, manager, lock):
    operations.write_stopped(admin.paths, "blog", [APP])
    with lock(admin.account, "chainsaw prune", Quiet()):
        assert [names for _, names in manager.calls] == [(APP,)]
    assert operations.stopped(admin.paths) == {}


def test_one_command_tries_once(admin, wordpress, manager):
    operations.write_stopped(admin.paths, "blog", [APP])
    manager.broken = {APP}
    for lock in (preparing, site, preparing):
        with lock(admin.account, "chainsaw apply", Quiet()):
            pass
    assert [names for _, names in manager.calls] == [(APP,)]


def test_what_does_not_start_again_is_reported_and_tried_by_the_next_command(admin, wordpress, manager):
    manager.broken, report = {APP}, Quiet()
    interrupted.while_stopped(admin.account, wordpress, lambda: None, report)
    assert "blog did not start again: app@blog.service; systemctl --user status 'app@blog*'" in report.messages
    assert operations.stopped(admin.paths) == {"blog": (TIMER, APP, SOCKET)}
    manager.broken = set()
    with holding(admin.account, ("club",), "chainsaw stop club", Quiet()):
        pass
    assert operations.stopped(admin.paths) == {}


def test_a_unit_that_is_on_its_way_up_is_started_again(admin, wordpress, manager, monkeypatch):
    monkeypatch.setattr(manager, "states", lambda patterns: {APP: "activating", TIMER: "failed"})
    stop(admin, wordpress, lambda: None)
    assert [names for verb, names in manager.calls if verb == "start"] == [(APP,)]


def test_a_locked_instance_is_not_started(admin, wordpress, manager):
    operations.write_stopped(admin.paths, "blog", [APP])
    lock = admin.paths.instance_lock("blog")
    with another_chainsaw(lock, "chainsaw clone blog club"), holding(admin.account, ("club",), "", Quiet()):
        pass
    assert manager.calls == []
    assert operations.stopped(admin.paths) == {"blog": (APP,)}


def test_what_is_to_be_stopped_by_now_is_not_started(admin, wordpress, manager):
    operations.write_stopped(admin.paths, "blog", [APP])
    admin.arrange(wordpress.model_copy(update={"serving": "stopped"}))
    with holding(admin.account, (), "", Quiet()):
        pass
    assert manager.calls == []
    assert operations.stopped(admin.paths) == {}


def test_unfinished_files_of_a_locked_instance_are_kept(admin, podman):
    copied = f"{admin.paths.public}/blog/content.partial"
    files.write_atomic(f"{copied}/picture", b"sea")
    with another_chainsaw(admin.paths.instance_lock("blog"), "chainsaw clone shop blog"):
        prune(admin.account, Quiet())
    assert files.exists(copied)
    prune(admin.account, Quiet())
    assert not files.exists(copied)
