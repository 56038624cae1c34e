"""What the levels of a recipe's test do with the data of its instances, with instances that are only remembered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from fake import replaces
from identity import IDENTITY

from chainsaw.compile.sample import options_of
from chainsaw.errors import ChainsawError, Diagnostic, Exit
from chainsaw.host import facts, journal
from chainsaw.host.mailbox import Mailbox
from chainsaw.host.process import Outcome
from chainsaw.host.systemd import UserManager
from chainsaw.host.web import Answer
from chainsaw.load.recipe import chosen_options, load_recipe, with_options
from chainsaw.model.deployment import ProbeRequest
from chainsaw.work.recipes.shipped import shared_parts
from chainsaw.work.result import Quiet
from chainsaw.work.trial import choices, levels, run, upkeep
from chainsaw.work.trial.marker import Player
from chainsaw.work.trial.page import check_websockets
from chainsaw.work.trial.problem import wrong
from chainsaw.work.trial.scene import Scene, problems_of
from chainsaw.work.trial.variants import unattended_variants

RECIPE = (
    IDENTITY
    + """\
images: {app: {shared: base}}
components: {app: {image: app, memory: 64M, ready: answers}}
serve: {http: {port: 8080}}
probe: {contains: <h1>}
marker:
  write: [{run: {component: app, command: [write, "{{ marker }}"]}}]
  read: [{run: {component: app, command: [read, "{{ marker }}"], contains: "{{ marker }}"}}]
"""
)


@replaces(Player)
@dataclass
class Notes:
    """Plays a marker against the notes of one instance, which are up, or not yet."""

    notes: set[str]
    is_up: bool = True

    def play(self, steps, marker, kind="write"):
        if not self.is_up:
            raise ChainsawError(Diagnostic("marker", "read in app ended with 1: refused", key=f"marker.{kind}.0"))
        if kind == "write":
            self.notes.add(marker)
        elif marker not in self.notes:
            raise ChainsawError(Diagnostic("marker", f"read does not contain {marker!r}", key="marker.read.0"))


@replaces(Scene, own=("loses", "check"))
@dataclass
class Stage:
    """Two instances and their notes; `shared` have the same, and an event may lose them.

    `faulty` are settings and keys with which the page is wrong. One that is `forgiving` takes former secrets, too.
    """

    bundle: Any
    shared: bool = False
    forgets: str = ""
    marker: str = "mark1"
    is_written: bool = False
    first: str = "one"
    second: str = "two"
    moved: str = "one-moved"
    name: str = "demo"
    notes: dict[str, set[str]] = field(default_factory=dict)
    up: bool = True
    measured: dict = field(default_factory=dict)
    idle_since: float = 0.0
    report: Any = field(default_factory=Quiet)
    account: Any = None
    mailbox: Any = field(default_factory=Mailbox)
    podman: Any = None
    faulty: tuple[str, ...] = ()
    forgiving: bool = False
    declared: list[Any] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    mail: Any = "the mail server of the test"
    chosen: dict[str, Any] = field(default_factory=dict)

    def variant(self, chosen):
        return replace(self, first=self.second, chosen=chosen, marker="mark2", is_written=False, measured={})

    def declare(self, name, route="", settings=None, keys=None):
        self.declared.append((name, {**self.chosen, **(settings or {}), **(keys or {})}))
        self.loses("sleep" if keys and "sleep" in keys else "route" if route else "")

    def check(self, name):
        """Is in the place of check_page."""
        wrong = [key for one, chosen in self.declared[-1:] for key in chosen if key in self.faulty]
        if wrong:
            raise ChainsawError(Diagnostic("level", f"/ answers 500 because of {wrong[0]}"))
        return {}

    def host(self, name):
        return f"{name}.localhost"

    def recipe(self, name):
        recipe = self.bundle.recipe
        chosen: dict[str, Any] = next((chosen for one, chosen in reversed(self.declared) if one == name), {})
        settings = {**{key: item.default for key, item in recipe.settings.items()}, **chosen}
        return with_options(self.bundle, chosen_options(recipe, settings)).recipe

    def secret(self, name, key):
        return self.secrets[key]

    def apply(self, name):
        self.notes.setdefault(name, self.notes.get("one", set()) if self.shared else set())

    def purge(self, name):
        self.notes.pop(name, None)
        self.loses("removal")

    def restart(self, name):
        self.loses("restart")

    def loses(self, event):
        if event and event == self.forgets:
            self.notes["one"].clear()

    def wait_until_up(self, name):
        """As the real one does: afterwards the instance is up."""
        self.up = True

    def player(self, name, secrets=None):
        return Notes(self.notes[name], self.up and (not secrets or self.forgiving))

    def deployment(self, name):
        return SimpleNamespace(
            block=None,
            socket=object(),
            timers=tuple(SimpleNamespace(unit=f"app@{name}.{timer}.timer") for timer in self.recipe(name).timers),
            start_timeout=120,
            probe=ProbeRequest(path="/", status=200, contains="<h1>"),
            route=SimpleNamespace(host="one.localhost", path="/"),
            url="https://one.localhost/",
        )

    def state(self, name):
        return "asleep"

    def processes(self, name):
        return []

    def get(self, name, path):
        return Answer(200, {}, self.pages.get(path, "<h1>").encode())


def bundle_of(recipe):
    return load_recipe("recipes/demo/recipe.yaml", "demo", {"recipe.yaml": recipe.encode()}, shared_parts())


@pytest.fixture
def stage(monkeypatch):
    """Return what makes the scene of a test: its first instance is installed, and nothing is written yet."""
    for module in (levels, choices, upkeep):
        monkeypatch.setattr(module, "check_page", Stage.check)
    monkeypatch.setattr(levels, "leaks", lambda scene: [])
    monkeypatch.setattr(levels, "reachable", lambda scene, one, other: [])

    def make(recipe=RECIPE, **fields):
        made = Stage(bundle_of(recipe), **fields)
        made.apply("one")
        return made

    return make


WITH_DATA = [levels.keeps_data, levels.side_by_side, levels.follows_file, levels.runs_unattended]


@pytest.mark.parametrize("level", WITH_DATA)
def test_a_level_that_is_tried_alone_writes_the_data_that_it_looks_for(stage, level):
    scene = stage()
    level(scene)
    assert scene.notes["one"] == {"mark1"}


@pytest.mark.parametrize("level", WITH_DATA)
def test_data_is_written_once_for_all_levels(stage, level):
    scene = stage()
    levels.keeps_data(scene)
    scene.notes["one"].add("theirs")
    level(scene)
    assert scene.notes["one"] == {"mark1", "theirs"}


LOSSES = [
    (levels.keeps_data, "restart", "after a restart"),
    (levels.side_by_side, "removal", "after the second instance was removed"),
    (levels.follows_file, "route", "at https://one-moved.localhost/"),
    (levels.runs_unattended, "sleep", "after its sleep"),
]


@pytest.mark.parametrize(("level", "event", "when"), LOSSES, ids=[event for _, event, _ in LOSSES])
def test_lost_data_is_reported_with_the_event_and_with_what_was_received(stage, level, event, when):
    with pytest.raises(ChainsawError) as caught:
        level(stage(forgets=event))
    (problem,) = caught.value.diagnostics
    assert problem.message == f"{when} its data is missing: marker.read.0: read does not contain 'mark1'"


def test_an_instance_that_has_the_data_of_the_other_is_found(stage):
    with pytest.raises(ChainsawError, match="two has the data of the other instance"):
        levels.side_by_side(stage(shared=True))


def test_that_data_is_not_found_in_an_instance_counts_only_where_reading_works(stage, monkeypatch):
    """The second one refuses to read anything: that it does not show the first one's data would prove nothing."""
    scene = stage()
    levels.keeps_data(scene)
    monkeypatch.setattr(Stage, "player", lambda self, name, secrets=None: Notes(self.notes[name], is_up=name == "one"))
    with pytest.raises(ChainsawError, match="refused"):
        levels.side_by_side(scene)


@pytest.mark.parametrize("level", [levels.keeps_data, levels.side_by_side])
def test_without_a_marker_no_level_says_anything_about_data(stage, level):
    with pytest.raises(ChainsawError, match="the recipe has no marker"):
        level(stage(RECIPE[: RECIPE.index("marker:")]))


@pytest.fixture
def rebooted(stage, tmp_path, monkeypatch):
    """Return what resumes a test after a reboot, with notes that are there or not."""
    monkeypatch.setattr(run, "_clear", lambda scene: None)

    def resume(notes):
        third = {"passed": True, "seconds": 2, "evidence": {"boot": "another", "marker": "mark7"}}
        fields = ("recipe", "version", "digest", "date", "by")
        tested = {**dict.fromkeys(fields, "x"), "host": {}, "levels": {"3": third}}
        pending = tmp_path / "demo.json"
        pending.write_text(json.dumps({"format": 1, "marker": "mark7", "tested": tested}))
        scene = stage(up=False)
        scene.notes["one"] = set(notes)
        result = run._resume(scene, str(tmp_path), str(pending))
        return result, json.loads((tmp_path / "tested.json").read_text())["levels"]["3"]

    return resume


def test_after_a_reboot_an_instance_is_waited_for_before_its_data_is_read(rebooted):
    result, third = rebooted({"mark7"})
    assert result.diagnostics == ()
    assert third["passed"]
    assert third["evidence"] == {"boot": "another", "marker": "mark7", "boot_after": facts.boot_id()}


def test_data_that_a_reboot_has_lost_fails_level_3_with_what_was_received(rebooted):
    result, third = rebooted({"mark1"})
    (problem,) = third["problems"]
    assert problem == "after the reboot its data is missing: marker.read.0: read does not contain 'mark7'"
    assert [item.message for item in result.diagnostics] == [problem]
    assert not third["passed"]


SETTINGS = """\
settings:
  look: {type: choice, options: [plain, fancy, odd], default: plain, help: How it looks., documentation: https://e.org/}
  open: {type: boolean, default: true, help: Who may read., documentation: https://e.org/}
  kind: {type: choice, options: [a, b], help: What it is., documentation: https://e.org/}
  count: {type: integer, default: 3, help: How many., documentation: https://e.org/}
"""
EACH = [("look", "fancy"), ("look", "odd"), ("open", False), ("kind", "b")]


def test_each_option_is_tried_but_for_the_defaults(stage):
    scene = stage(RECIPE + SETTINGS)
    assert list(options_of(scene.bundle.recipe)) == EACH
    assert choices.try_options(scene) == ["look: fancy", "look: odd", "open: false", "kind: b"]
    assert scene.declared == [("one", {name: value}) for name, value in EACH]


def test_an_option_with_which_the_page_is_wrong_is_named(stage):
    with pytest.raises(ChainsawError, match="with open: false: / answers 500 because of open"):
        levels.follows_file(stage(RECIPE + SETTINGS, faulty=("open",)))


VARIANTS = "variants: {look: {odd: {components: {app: {memory: 128M}}}}}\n"


def test_an_option_that_changes_the_recipe_is_installed_and_keeps_data(stage):
    scene = stage(RECIPE + SETTINGS + VARIANTS)
    choices.try_options(scene)
    assert [name for name, chosen in scene.declared if chosen == {"look": "odd"}] == ["two"]
    assert list(scene.notes) == ["one"]


def test_a_variant_that_loses_its_data_at_a_restart_is_found(stage, monkeypatch):
    monkeypatch.setattr(Stage, "restart", lambda self, name: self.notes[name].clear())
    with pytest.raises(ChainsawError, match="with look: odd: after a restart its data is missing: "):
        choices.try_options(stage(RECIPE + SETTINGS + VARIANTS))


HONOURS = "honours: {timezone: The clock., language: The words., mail: The server.}\n"


def test_each_directive_is_tried_and_mail_goes_to_the_test_itself(stage):
    scene = stage(RECIPE + HONOURS)
    assert choices.try_directives(scene) == ["timezone", "language", "mail"]
    assert scene.declared == [
        ("one", {"timezone": "Asia/Kathmandu"}),
        ("one", {"language": "de"}),
        ("one", {"mail": "the mail server of the test"}),
    ]


def test_a_directive_with_which_the_page_is_wrong_is_named(stage):
    with pytest.raises(ChainsawError, match="with language: / answers 500 because of language"):
        levels.follows_file(stage(RECIPE + HONOURS, faulty=("language",)))


@pytest.mark.parametrize(("code", "sends"), [(0, True), (0, False), (1, False)])
def test_a_letter_of_php_must_arrive(stage, monkeypatch, code, sends):
    monkeypatch.setattr(choices, "DELIVERY", 0.1)
    recipe = RECIPE.replace("serve: {http: {port: 8080}}", "serve: {fastcgi: {root: /srv/app}}\nruntime: php-fpm")
    recipe = recipe.replace("ready: answers", 'health: {command: ["true"]}')
    scene = stage(recipe)

    def send(container, argv):
        assert (container, argv[0]) == ("one.app", "php")
        if sends:
            scene.mailbox.letters.append("A test")
        return Outcome(code, b"", b"no such server" if code else b"")

    scene.podman = SimpleNamespace(exec=send)
    if sends:
        assert "mail" in choices.try_directives(scene)
        return
    said = ": no such server" if code else "$"
    with pytest.raises(ChainsawError, match=f"does not reach the mail server{said}"):
        choices.try_directives(scene)


TIMERS = "timers: {fetch: {component: app, command: [fetch], every: 1d, help: It fetches.}}\n"


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that are run, and how they end."""
    seen = SimpleNamespace(asked=[], ends="")

    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def run(self, name, timeout):
            seen.asked.append(name)
            return seen.ends

    monkeypatch.setattr(upkeep, "UserManager", replaces(UserManager)(Manager))
    monkeypatch.setattr(journal, "last_lines", lambda unit, container, since, lines: ["no such feed"])
    return seen


def test_each_timer_is_run_awake_and_asleep(stage, jobs):
    evidence = levels.runs_unattended(stage(RECIPE + TIMERS))
    assert evidence["timers"] == ["fetch"]
    assert jobs.asked == ["app@one.fetch.service"] * 2


LOOKS = """\
settings:
  look: {type: choice, options: [plain, odd], default: plain, help: How it looks., documentation: https://e.org/}
"""
ONLY_THERE = (
    "variants: {look: {odd: {timers: {tidy: {component: app, command: [tidy], every: 1d, help: It tidies.}}, "
    "secrets: {seed: {help: A seed., rotate: {}}}}}}\n"
)


def test_a_timer_and_a_secret_of_another_variant_are_tried_in_an_instance_with_it(stage, jobs, rotated):
    scene = stage(RECIPE + LOOKS + ONLY_THERE, secrets={"seed": "a"})
    evidence = levels.runs_unattended(scene)
    assert (evidence["timers"], evidence["secrets"]) == ([], {})
    assert evidence["variants"]["look: odd"]["timers"] == ["tidy"]
    assert jobs.asked == ["app@two.tidy.service"] * 2
    assert rotated == [("two", "seed")]
    assert [chosen for name, chosen in scene.declared if name == "two"] == [
        {"look": "odd"},
        {"look": "odd", "sleep": "5s"},
        {"look": "odd"},
    ]
    assert list(scene.notes) == ["one"]


def test_a_timer_of_another_variant_that_fails_is_reported_with_the_option(stage, jobs, rotated):
    jobs.ends = "it ended with: exit-code"
    with pytest.raises(ChainsawError, match="with look: odd: the timer tidy: it ended with: exit-code"):
        levels.runs_unattended(stage(RECIPE + LOOKS + ONLY_THERE, secrets={"seed": "a"}))


@pytest.mark.parametrize(
    ("variant", "shown"),
    [
        ("{honours: {language: Its language.}}", []),
        ("{components: {app: {memory: 128M}}}", ["look: odd"]),
        ("{timers: {fetch: {every: 1h}}}", ["look: odd"]),
        ("{timers: {fetch: null}}", []),
    ],
)
def test_a_variant_is_tried_where_something_else_happens_in_it(variant, shown):
    bundle = bundle_of(RECIPE + TIMERS + LOOKS + f"variants: {{look: {{odd: {variant}}}}}\n")
    assert [name for name, _ in unattended_variants(bundle)] == shown


def test_a_directive_that_only_a_variant_honours_is_tried_in_it(stage):
    variants = "variants: {look: {odd: {honours: {language: Its language.}}}}\n"
    scene = stage(RECIPE + LOOKS + variants)
    choices.try_options(scene)
    assert scene.declared == [("two", {"look": "odd"}), ("two", {"look": "odd", "language": "de"})]
    with pytest.raises(ChainsawError, match="with look: odd: with language: / answers 500 because of language"):
        choices.try_options(stage(RECIPE + LOOKS + variants, faulty=("language",)))


def test_a_timer_that_fails_is_reported_with_its_log(stage, jobs):
    jobs.ends = "it ended with: exit-code"
    with pytest.raises(ChainsawError) as caught:
        levels.runs_unattended(stage(RECIPE + TIMERS))
    (problem,) = caught.value.diagnostics
    assert problem.message == "the timer fetch: it ended with: exit-code; its log:\n  no such feed"


SECRETS = """\
secrets:
  word: {help: The password., rotate: {component: app, command: [change]}}
  salt: {help: Signs., rotate: {}}
  key: {help: Stays as it is.}
"""
BY_WORD = RECIPE.replace(
    '{run: {component: app, command: [read, "{{ marker }}"], contains: "{{ marker }}"}}',
    '{request: {path: "/{{ marker }}", user: kim, secret: word, contains: "{{ marker }}"}}',
)
WITH_WORD = RECIPE.replace(
    '{run: {component: app, command: [write, "{{ marker }}"]}}', '{request: {path: /, body: "{{ secret.word }}"}}'
)


@pytest.fixture
def rotated(monkeypatch):
    """The secrets that are changed."""
    seen = []

    def rotate(account, name, key, report):
        seen.append((name, key))

    monkeypatch.setattr(upkeep, "rotate_secret", rotate)
    return seen


def test_each_secret_that_can_be_changed_is_changed(stage, rotated):
    found = levels.runs_unattended(stage(RECIPE + SECRETS, secrets={"word": "a", "salt": "b"}))["secrets"]
    assert rotated == [("one", "word"), ("one", "salt")]
    assert found == dict.fromkeys(["word", "salt"], "changed; the marker does not use it")


def test_a_secret_that_the_marker_uses_is_proven_with_data_written_afterwards(stage, rotated):
    scene = stage(WITH_WORD + SECRETS, secrets={"word": "a", "salt": "b"})
    found = levels.runs_unattended(scene)["secrets"]
    assert found["word"] == "changed, and used by the marker"
    # Once at first, once with the new secret, and once more after the restart that follows.
    assert len(scene.notes["one"]) == 3
    assert scene.marker in scene.notes["one"] - {"mark1"}


def test_a_start_that_sets_a_secret_back_is_found(stage, rotated, monkeypatch):
    scene = stage(RECIPE + SECRETS, secrets={"word": "a", "salt": "b"})
    monkeypatch.setattr(Stage, "restart", lambda self, name: self.notes[name].clear())
    with pytest.raises(ChainsawError, match="with a new word: after a restart its data is missing: "):
        levels.runs_unattended(scene)


def test_data_that_is_gone_after_a_new_secret_is_found(stage, rotated, monkeypatch):
    scene = stage(RECIPE + SECRETS, secrets={"word": "a", "salt": "b"})
    monkeypatch.setattr(upkeep, "rotate_secret", lambda account, name, key, report: scene.notes["one"].clear())
    with pytest.raises(ChainsawError, match="with a new word: afterwards its data is missing: "):
        levels.runs_unattended(scene)


@pytest.mark.parametrize(("recipe", "verb"), [(BY_WORD, "read"), (WITH_WORD, "written")])
def test_a_secret_whose_former_value_still_works_is_found(stage, rotated, recipe, verb):
    scene = stage(recipe + SECRETS, secrets={"word": "a", "salt": "b"}, forgiving=True)
    with pytest.raises(ChainsawError, match=f"with a new word: with the former value the marker can still be {verb}"):
        levels.runs_unattended(scene)


def test_a_secret_that_leaks_only_later_is_found(stage, monkeypatch):
    monkeypatch.setattr(levels, "leaks", lambda scene: ["the secret word is visible in the journal"])
    with pytest.raises(ChainsawError, match="the secret word is visible in the journal"):
        levels.runs_unattended(stage())


OPENS = "const a = b ? new window.WebSocket(u) : null"
SILENT = "/a.js, a script of /, opens websockets, and serve.http does not say what becomes of them"


@pytest.mark.parametrize(
    ("said", "pages", "problem"),
    [
        ("", {"/": "<h1>"}, ""),
        ("", {"/": "<script src=/a.js></script>", "/a.js": "fetch(u)"}, ""),
        ("", {"/": "<script src=/a.js></script>", "/a.js": OPENS}, SILENT),
        ("", {"/": f"<script>{OPENS}</script>"}, "/ opens websockets"),
        ("", {"/": "<script src=https://cdn.example.org/a.js></script>"}, ""),
        ("", {"/": "WebSocket is a word"}, ""),
        (", websockets: true", {"/": f"<script>{OPENS}</script>"}, ""),
        (", websockets: false", {"/": f"<script>{OPENS}</script>"}, ""),
    ],
)
def test_websockets_that_a_page_opens_are_passed_on_or_said_to_be_needless(stage, said, pages, problem):
    scene = stage(RECIPE.replace("port: 8080", f"port: 8080{said}"), pages=pages)
    if problem:
        with pytest.raises(ChainsawError, match=problem):
            check_websockets(scene, "one")
    else:
        check_websockets(scene, "one")


def test_the_page_of_the_login_is_looked_at_too(stage):
    recipe = RECIPE + "secrets: {key: {help: The key.}}\nlogin: {path: /login, secret: key}\n"
    with pytest.raises(ChainsawError, match=r"^/login opens websockets"):
        check_websockets(stage(recipe, pages={"/login": OPENS}), "one")


@pytest.fixture
def trial(stage, tmp_path, monkeypatch):
    """Return what tests levels that end as they are said to, and the list of what was removed."""
    removed = []
    monkeypatch.setattr(run, "_clear", lambda scene: removed.append(sorted(scene.notes)))
    monkeypatch.setattr(facts, "description", lambda paths: {})

    def fails(scene):
        raise wrong("/ answers 500")

    def test(*levels, after="", failing=()):
        ends = {number: fails if number in failing else lambda scene: {} for number in levels}
        monkeypatch.setattr(run, "LEVELS", {2: lambda scene: {}, **ends})
        shown = {"one": SimpleNamespace(url="https://one.localhost/")}
        scene = stage(account=SimpleNamespace(paths=None, current=lambda: SimpleNamespace(instances=shown)))
        pending = str(tmp_path / "pending.json")
        return run._begin(
            scene, str(tmp_path), pending, lambda: run._tried(scene, str(tmp_path), levels, after, pending)
        )

    return SimpleNamespace(test=test, removed=removed, pending=tmp_path / "pending.json")


def test_levels_after_one_that_fails_are_not_tried(trial):
    result = trial.test(1, 2, 3, 4, failing=(2,))
    marks = [line[3:12].strip() for line in result.lines[:4]]
    assert marks == ["ok", "FAILED", "not tried", "not tried"]
    assert [item.message for item in result.diagnostics] == ["/ answers 500"]
    assert (result.exit, result.data["level"]) == (Exit.FAILED, 1)
    assert list(result.data["tested"]["levels"]) == ["1", "2"]


def test_level_3_without_a_reboot_is_not_tried_and_that_is_no_failure(trial, tmp_path):
    result = trial.test(1, 2, 3)
    assert [line[3:12].strip() for line in result.lines[:3]] == ["ok", "ok", "not tried"]
    assert (result.exit, result.diagnostics, result.data["level"]) == (Exit.OK, (), 2)
    steps = f"chainsaw recipe test {tmp_path} --pause; sudo reboot; chainsaw recipe test {tmp_path} --resume"
    assert result.lines[-1] == f"level 3 needs a reboot: {steps}"
    assert len(trial.removed) == 2


def test_a_test_that_waits_for_a_reboot_removes_nothing_and_says_how_it_goes_on(trial, tmp_path):
    result = trial.test(1, 2, 3, after="pause")
    assert result.lines[-1] == f"level 3 waits for a reboot; after it: chainsaw recipe test {tmp_path} --resume"
    assert result.data["level"] == 2
    assert len(trial.removed) == 1
    assert "tested" in json.loads(trial.pending.read_text())


@pytest.mark.parametrize("failing", [(), (2,)])
def test_an_instance_that_is_kept_stays_also_when_it_does_not_work(trial, failing):
    result = trial.test(1, 2, after="keep", failing=failing)
    assert result.lines[-2:] == (
        "one stays until the next test, at https://one.localhost/",
        "  to look into it: chainsaw status one; chainsaw logs one",
    )
    assert len(trial.removed) == 1
    assert trial.pending.exists()


def test_a_level_that_fails_without_a_reason_is_not_taken_for_passed():
    def fails():
        raise ChainsawError([])

    assert run._outcome_of(fails).problems == ("it failed, and nothing says why",)


def test_what_else_does_not_work_on_the_site_is_no_failure_of_the_recipe():
    def note(name):
        return Diagnostic("rolled-back", "it was rolled back", f"instances/{name}.yaml", severity="note")

    ours, theirs = Diagnostic("probe", "ours"), Diagnostic("probe", "theirs")
    warning = Diagnostic("git-busy", "not recorded", severity="warning")
    assert problems_of("one", [theirs, note("blog"), ours, note("one"), theirs, note("wiki"), warning]) == [ours]
    assert problems_of("one", [theirs, note("blog"), warning]) == []
