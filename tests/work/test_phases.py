"""A plan is carried out in order, and a failure of one instance stops only that instance."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from fake import replaces

from chainsaw.errors import ChainsawError, Diagnostic
from chainsaw.host.account import Account
from chainsaw.host.step import Steps
from chainsaw.host.store import records
from chainsaw.host.systemd import UserManager
from chainsaw.model.paths import Paths
from chainsaw.plan import actions as act
from chainsaw.plan.diff import Wanted, make_plan
from chainsaw.plan.observed import Observed
from chainsaw.work.apply import start
from chainsaw.work.apply.phases import carry_out
from chainsaw.work.apply.worker import Worker
from chainsaw.work.recipes.images import Images
from chainsaw.work.result import Quiet


@replaces(UserManager)
@dataclass
class Manager:
    """A user manager on which every unit starts, except broken ones."""

    log: list[str]
    broken: frozenset[str] = frozenset()
    leftovers: Counter[str] = field(default_factory=Counter)
    """How many attempts of Podman fail, by unit, because of what is left of a former container."""

    def reload(self):
        self.log.append("reload")

    def reload_unit(self, name, timeout, serving):
        self.log.append(f"reload {name}")

    def stop(self, names, timeout):
        self.log.extend(f"stop {name}" for name in names)

    def begin(self, units, others=()):
        self.log.extend(f"{'restart' if again else 'start'} {name}" for name, again in units)
        return {}

    def failed_in_podman(self, name):
        found = self.leftovers[name] > 0
        self.leftovers[name] -= 1
        return found

    def wait_for(self, groups, timeout):
        assert timeout > 0
        names = [name for group in groups for name in group]
        self.log.extend(f"wait for {name}" for name in names)
        return {name: "failed" if name in self.broken or self.leftovers[name] > 0 else "active" for name in names}


@replaces(Images)
@dataclass
class Store:
    """A store without any image that is needed."""

    log: list[str]

    def obtain(self, needs):
        self.log.append(f"obtain {len(needs)}")

    def is_known(self, need):
        return False


@replaces(Worker, own=("note", "unlocked"))
@dataclass
class Host:
    """A worker that records each effect, and fails at given ones."""

    account: Account
    manifest: object
    manager: Manager
    steps: Steps
    log: list[str]
    faults: dict[tuple[str, str | None], Exception] = field(default_factory=dict)
    report: Quiet = field(default_factory=Quiet)
    pending: tuple[str, ...] = ("a secret",)
    issued: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    is_switching: bool = True
    is_overtaken: bool = False

    def note(self, action):
        self.log.append(f"{action.verb} {action.subject()}".strip())
        if error := self.faults.get((action.verb, action.owner)):
            raise error

    record_block = install_recipe = provide_image = create_directory = create_secret = export_static = note
    issue_certificate = write_generation = activate = link_quadlets = link = unlink = probe_instance = note

    def reload_front(self, action):
        self.manager.reload_unit("chainsaw-front.service", 30, lambda process: True)

    def place(self):
        self.log.append("place")

    @property
    def images(self):
        return Store(self.log)

    def last_lines(self, unit, since):
        assert since > 0
        return [f"{unit} cannot open its file"]

    @contextmanager
    def unlocked(self):
        self.log.append("unlock")
        yield
        self.log.append("lock")

    def record_switched(self):
        self.log.append("switched")
        self.is_switching = False

    def record_stopped(self, names):
        self.log.append(f"record stopped {' '.join(names)}")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(start, "PAUSES", (0.0, 0.0))


@pytest.fixture
def host(tmp_path, goldens):
    """Return the function that makes a host for the plan of a golden case."""

    def make(faults=None, broken=(), fault=""):
        log: list[str] = []
        account = Account("admin", 1000, Paths.of(str(tmp_path), {}), str(tmp_path / "run"))
        manifest = goldens["one-host"].manifest
        return Host(account, manifest, Manager(log, frozenset(broken)), Steps(fault), log, faults or {})

    return make


@pytest.fixture
def plan(goldens):
    site = goldens["one-host"]
    return make_plan(Wanted(site.manifest, site.blocks, site.paths), Observed())


REFUSED = ChainsawError(Diagnostic("refused", "it does not work"))


def wrote(host):
    return [line for line in host.log if line.startswith(("write-generation", "activate", "link", "start", "reload"))]


def test_effects_come_in_the_order_of_the_plan(host, plan):
    machine = host()
    assert carry_out(plan, machine) == (True, {})
    order = [line.split()[0] for line in machine.log if not line.startswith(("wait", "unlock", "lock", "switched"))]
    kinds = [kind for index, kind in enumerate(order) if index == 0 or order[index - 1] != kind]
    assert kinds[0] == "obtain"
    assert [
        kind for kind in kinds if kind in ("place", "write-generation", "activate", "reload", "start", "probe")
    ] == [
        "place",
        "write-generation",
        "activate",
        "reload",
        "start",
        "probe",
    ]


def test_sockets_are_up_before_the_services_that_use_them(host, plan):
    machine = host()
    carry_out(plan, machine)
    started = [line.split()[1] for line in machine.log if line.startswith("start ")]
    kinds = [name.endswith(".socket") for name in started]
    assert kinds == sorted(kinds, reverse=True)
    assert len(set(started)) == len(started)


def test_others_may_switch_while_instances_start_and_while_they_are_asked(host, plan):
    machine = host()
    carry_out(plan, machine)
    unlocked, inside = list[str](), False
    for line in machine.log:
        if line in ("unlock", "lock"):
            inside = line == "unlock"
        elif inside:
            unlocked.append(line)
    first = unlocked[0]
    assert first.startswith("wait for app@")
    assert {line.split()[0] for line in unlocked} == {"wait", "probe"}
    assert {line for line in machine.log if line.startswith("wait for") and "front" in line} - {*unlocked}
    assert not [line for line in unlocked if "chainsaw-front" in line]
    assert machine.log.index("switched") < machine.log.index("unlock")


def test_nobody_is_let_in_when_there_is_nothing_to_wait_for(host, plan):
    machine = host()
    carry_out([act.ReloadFront(None)], machine)
    assert "unlock" not in machine.log


def test_a_page_is_requested_again_when_another_command_switched_meanwhile(host, plan):
    """It may have restarted the front, or given it other ports."""
    machine = host({("probe", "blog"): REFUSED})
    machine.is_overtaken = True
    asked = machine.probe_instance

    def recovers(action):
        try:
            asked(action)
        finally:
            if action.owner == "blog":
                machine.faults = {}

    machine.probe_instance = recovers
    assert carry_out(plan, machine) == (True, {})
    assert machine.log.count("probe blog") == 2
    assert machine.log.count("probe club") == 1
    assert machine.log[-1] == "probe blog"


def test_a_switch_is_not_finished_when_the_front_does_not_start(host, plan):
    machine = host(broken={"chainsaw-front.service"})
    with pytest.raises(ChainsawError):
        carry_out(plan, machine)
    assert "switched" not in machine.log


def test_the_digest_of_a_started_unit_is_recorded(host, plan, goldens):
    machine = host()
    carry_out(plan, machine)
    manifest = goldens["one-host"].manifest
    everything = [manifest.front, *manifest.instances.values()]
    expected = {
        item.unit: item.digest
        for one in everything
        for item in (*one.services, *one.timers, one.socket, one.relay)
        if item
    }
    assert records.read_applied(machine.account.paths) == expected


def test_an_instance_that_cannot_be_prepared_stops_all_before_anything_is_written(host, plan):
    machine = host({("provide-image", "club"): REFUSED, ("create-secret", "blog"): REFUSED})
    _, failures = carry_out(plan, machine)
    assert {name: [item.code for item in found] for name, found in failures.items()} == {
        "club": ["refused"],
        "blog": ["refused"],
    }
    assert wrote(machine) == []
    assert "place" not in machine.log


def test_an_instance_that_does_not_start_leaves_the_others_alone(host, plan):
    machine = host(broken={"app@club.service"})
    _, failures = carry_out(plan, machine)
    assert [(name, item.code) for name, found in failures.items() for item in found] == [("club", "not-started")]
    assert "journalctl --user -u 'app@club*'" in failures["club"][0].hint
    assert "probe blog" in machine.log
    assert "probe club" not in machine.log
    applied = records.read_applied(machine.account.paths)
    assert "app@blog.service" in applied
    assert "app@club.service" not in applied


GATED = act.StartUnit("dav", "app@dav.gate.service", False, (("app@dav.service", "1"), ("app@dav.gate.service", "2")))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"app@dav.service", "app@dav.gate.service"}, "app@dav.service did not start: it is failed"),
        ({"app@dav.gate.service"}, "app@dav.service does not answer: its gate is failed"),
    ],
)
def test_of_a_gate_that_is_down_the_application_is_the_cause(host, broken, said):
    """The gate has nothing to say but that it cannot join a container that is gone."""
    _, failures = carry_out([GATED], host(broken=broken))
    (problem,) = failures["dav"]
    assert problem.message == f"{said}; its log:\n  app@dav.service cannot open its file"
    assert problem.hint == "journalctl --user -u 'app@dav*' -n 30"


@pytest.mark.parametrize("attempts", [1, 2])
def test_what_podman_could_not_remove_at_once_is_no_failure_of_the_instance(host, plan, attempts):
    """A container that was killed, or that a power cut ended, goes with the second or the third attempt."""
    machine = host()
    machine.manager.leftovers = Counter({"app@club.service": attempts})
    assert carry_out(plan, machine) == (True, {})
    assert machine.log.count("start app@club.service") == attempts + 1
    assert "app@club.service" in records.read_applied(machine.account.paths)


def test_what_fails_in_podman_three_times_is_a_failure(host, plan):
    machine = host()
    machine.manager.leftovers = Counter({"app@club.service": 3})
    _, failures = carry_out(plan, machine)
    assert set(failures) == {"club"}
    assert machine.log.count("start app@club.service") == 3


def test_what_fails_in_its_container_is_started_once(host, plan):
    machine = host(broken={"app@club.service"})
    _, failures = carry_out(plan, machine)
    assert set(failures) == {"club"}
    assert machine.log.count("start app@club.service") == 1


def test_an_instance_whose_page_is_wrong_leaves_the_others_alone(host, plan):
    machine = host({("probe", "blog"): REFUSED})
    assert list(carry_out(plan, machine)[1]) == ["blog"]
    assert "probe club" in machine.log


@pytest.mark.parametrize("fault", [("write-generation", None), ("activate", None), ("issue-certificate", None)])
def test_what_fails_for_the_site_is_raised(host, plan, fault):
    machine = host({fault: REFUSED})
    with pytest.raises(ChainsawError) as caught:
        carry_out(plan, machine)
    assert [item.code for item in caught.value.diagnostics] == ["refused"]
    assert not [line for line in machine.log if line.startswith("start ")]


def test_a_front_that_does_not_start_is_raised(host, plan):
    printed = r"it is failed; its log:\n  chainsaw-front\.service cannot open its file"
    with pytest.raises(ChainsawError, match=rf"chainsaw-front\.service did not start: {printed}"):
        carry_out(plan, host(broken={"chainsaw-front.service"}))


def test_what_runs_is_recorded_also_when_the_front_cannot_reload(host, plan, monkeypatch):
    machine = host()

    def refuse(name, timeout, serving):
        raise REFUSED

    monkeypatch.setattr(machine.manager, "reload_unit", refuse)
    with pytest.raises(ChainsawError, match="it does not work"):
        carry_out(sorted([*plan, act.ReloadFront(None)], key=lambda action: action.phase), machine)
    assert "app@blog.service" in records.read_applied(machine.account.paths)


def test_what_runs_is_recorded_also_when_the_front_does_not_start(host, plan):
    machine = host(broken={"chainsaw-front.service"})
    with pytest.raises(ChainsawError):
        carry_out(plan, machine)
    assert "app@blog.service" in records.read_applied(machine.account.paths)


def test_a_refused_system_call_is_reported_with_its_fix(host, plan):
    machine = host({("create-directory", "blog"): OSError(28, "No space left on device")})
    _, failures = carry_out(plan, machine)
    assert [item.code for item in failures["blog"]] == ["system"]
    assert failures["blog"][0].hint.startswith("free some space")


def test_a_fault_at_any_step_is_a_problem_of_an_instance_or_of_the_site(host, plan):
    machine = host()
    carry_out(plan, machine)
    for number in range(1, len(machine.steps.done) + 1):
        for after in ("", "+"):
            struck = host(fault=f"error:{number}{after}")
            try:
                _, failures = carry_out(plan, struck)
            except ChainsawError as error:
                assert [item.code for item in error.diagnostics] == ["system"]
            else:
                assert set(failures) <= {"blog", "club", "docs", "photos"}
                assert len(failures) == 1
                assert f"fault injected at step {number}: " in next(iter(failures.values()))[0].message


def test_every_action_has_its_effect():
    concrete = {kind for kind in vars(act).values() if isinstance(kind, type) and getattr(kind, "verb", None)}
    assert {kind.__name__ for kind in concrete} - {"Action"} == {
        "RecordBlock",
        "InstallRecipe",
        "ProvideImage",
        "CreateDirectory",
        "CreateSecret",
        "ExportStatic",
        "IssueCertificate",
        "ImportCertificate",
        "ObtainCertificate",
        "WriteGeneration",
        "Activate",
        "Link",
        "LinkQuadlets",
        "StopUnit",
        "Unlink",
        "ReloadSystemd",
        "StartUnit",
        "ReloadFront",
        "ProbeInstance",
    }
