"""What holds for every gate, for all that may sleep, and for what runs once, seen in all golden cases."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from identity import IDENTITY
from systemd_syntax import argument, arguments, read

from chainsaw.compile.component import component_quadlet
from chainsaw.compile.context import ANSWERS, Host, Job, Shared
from chainsaw.compile.instance import compile_instance
from chainsaw.load.recipe import load_recipe
from chainsaw.load.site import load_instance
from chainsaw.model.block import Block
from chainsaw.model.site import Site
from chainsaw.work.recipes.shipped import shared_files, shared_parts


@pytest.fixture(scope="module")
def applied(goldens):
    """Yield (site, deployment) of every instance of every golden case that has a process."""
    return [
        (site, deployment)
        for site in goldens.values()
        for deployment in site.manifest.instances.values()
        if deployment.services
    ]


@pytest.fixture(scope="module")
def gated(applied):
    return [(site, one) for site, one in applied if one.gate]


def quadlet(site, unit):
    return site.text(f"quadlets/{unit.removesuffix('.service')}.container")


FIRST_OF_PODMAN = "chainsaw-podman.service"
LOGS = "chainsaw-logs.service"
EGRESS = "chainsaw-egress.timer"


def values(text, key):
    return [argument(value) for _, name, value in read(text) if name == key]


def command(site, one):
    """Return the arguments of a gate."""
    (value,) = [value for _, key, value in read(quadlet(site, one.gate.unit)) if key == "Exec"]
    return arguments(value)


def test_there_are_gates_of_both_kinds_asleep_and_awake(gated):
    kinds = {(bool(values(quadlet(site, one.gate.unit), "UserNS")), one.sleep is not None) for site, one in gated}
    assert kinds == {(True, False), (True, True), (False, True)}


def test_a_gate_has_no_capability_no_writable_root_and_no_port(gated):
    for site, one in gated:
        text = quadlet(site, one.gate.unit)
        assert values(text, "DropCapability") == ["all"]
        assert values(text, "NoNewPrivileges") == values(text, "ReadOnly") == ["true"]
        for key in ("AddCapability", "PublishPort", "Tmpfs", "Environment", "Sysctl"):
            assert not values(text, key), key


def test_a_gate_sees_neither_data_nor_secrets(gated):
    for site, one in gated:
        mounts = values(quadlet(site, one.gate.unit), "Volume")
        assert mounts in ([], [f"{site.paths.instance(one.name)}/run:/run/instance:nosuid,nodev"])


def test_a_gate_runs_as_the_same_user_as_the_app(gated):
    for site, one in gated:
        app, gate = quadlet(site, f"app@{one.name}.service"), quadlet(site, one.gate.unit)
        for key in ("User", "Group"):
            assert values(app, key) == values(gate, key)


def test_a_gate_shares_the_loopback_of_the_app_behind_it_or_has_no_network_at_all(gated):
    for site, one in gated:
        text = quadlet(site, one.gate.unit)
        address = command(site, one)[-1]
        if values(text, "UserNS"):
            assert values(text, "UserNS") == values(text, "Network") == [f"container:{one.name}.app"]
            assert re.fullmatch(r"127\.0\.0\.1:[0-9]+", address)
        else:
            assert values(text, "Network") == ["none"]
            assert values(text, "UIDMap") == [f"0:@{one.block}:65536"]
            assert address == "/run/instance/app.sock"


def test_the_front_reaches_what_is_behind_a_gate_through_the_gate_alone(applied):
    for site, one in applied:
        if one.socket:
            app = f"app@{one.name}.service"
            assert values(site.text(f"units/{one.socket.unit}"), "Service") == [one.gate.unit if one.gate else app]
            inherits = one.socket.unit in values(quadlet(site, app), "Requires")
            assert inherits == (one.gate is None)


def test_a_gate_and_its_app_end_together(gated):
    for site, one in gated:
        text = quadlet(site, one.gate.unit)
        assert values(text, "BindsTo") == [f"app@{one.name}.service"]
        assert f"app@{one.name}.service" in values(text, "After")
        assert values(text, "Requires") == [one.socket.unit]


def test_processes_that_may_sleep_stop_when_the_gate_is_idle(applied):
    for site, one in applied:
        if one.socket:
            needed = values(quadlet(site, f"app@{one.name}.service"), "StopWhenUnneeded")
            assert needed == (["true"] if one.sleep is not None else [])
        if one.gate:
            waits = [item for item in command(site, one) if item.startswith("--exit-idle-time=")]
            assert waits == ([f"--exit-idle-time={one.sleep}s"] if one.sleep is not None else [])


def test_a_timer_wakes_a_sleeping_instance_and_skips_a_stopped_one(applied):
    for site, one in applied:
        for timer in one.timers:
            text = site.text(f"units/{timer.unit.removesuffix('.timer')}.service")
            asked, other = ("Requires", "Requisite") if one.sleep is not None else ("Requisite", "Requires")
            assert values(text, asked)
            assert not values(text, other)


def test_other_components_start_and_stop_with_the_app(applied):
    for site, one in applied:
        units = [service.unit for service in one.services]
        app = f"app@{one.name}.service"
        if app in units:
            text = quadlet(site, app)
            others = {one.socket.unit, FIRST_OF_PODMAN, LOGS, EGRESS}
            assert {*values(text, "Wants"), *values(text, "Requires")} - others == {*units} - {app}
            for unit in units:
                assert values(quadlet(site, unit), "PartOf") == ([app] if unit != app else [])


def test_after_a_boot_one_podman_process_comes_before_all_others(applied):
    for site, _ in applied:
        quadlets = [site.text(path) for path in site.tree if path.endswith((".container", ".network"))]
        assert len(quadlets) > 1
        for text in quadlets:
            assert FIRST_OF_PODMAN in values(text, "Wants")
            assert FIRST_OF_PODMAN in values(text, "After")
        assert "RemainAfterExit=true" in site.text(f"units/{FIRST_OF_PODMAN}")


def test_what_every_container_and_command_logs_is_bounded(applied):
    for site, one in applied:
        containers = [site.text(path) for path in site.tree if path.endswith(".container")]
        commands = [site.text(f"units/{timer.unit.removesuffix('.timer')}.service") for timer in one.timers]
        assert containers
        for text in containers:
            assert LOGS in values(text, "Wants")
            assert LOGS in values(text, "After")
            assert values(text, "LogDriver") == ["journald"]
            assert values(text, "StandardOutput") == ["null"]
        for text in commands:
            assert values(text, "StandardOutput") == [f"file:{site.paths.logs}/lines"]
            assert values(text, "StandardError") == ["inherit"]
        text = site.text("units/chainsaw-logs.socket")
        assert values(text, "ListenStream") == [f"{site.paths.logs}/lines"]
        assert values(text, "ListenDatagram") == [f"{site.paths.logs}/journal"]
        assert values(text, "SocketMode") == ["0600"], "an application may not log in the name of another"


def test_what_requires_a_component_does_not_fail_with_its_first_attempt(applied):
    for site, one in applied:
        for service in one.services:
            text = quadlet(site, service.unit)
            is_started_again = values(text, "Restart") == ["always"] and service.component != "app"
            assert values(text, "RestartMode") == (["direct"] if is_started_again else [])


def test_a_once_component_is_not_started_again_after_it_has_finished(goldens):
    site = goldens["once"]
    text = quadlet(site, "app@www.build.service")
    assert values(text, "Type") == ["oneshot"]
    assert values(text, "RemainAfterExit") == ["true"]
    for key in ("Restart", "Notify", "HealthCmd"):
        assert not values(text, key), key


def test_volumes_of_the_admin_are_mounted_read_only(applied):
    seen = 0
    for site, one in applied:
        admins = [item.path for item in one.volumes if item.owner == "admin"]
        for service in one.services:
            for mount in values(quadlet(site, service.unit), "Volume"):
                if mount.split(":")[0] in admins:
                    assert mount.endswith(":ro,nosuid,nodev")
                    seen += 1
    assert seen


DENIED = ["/wiki/conf", "/wiki/conf/", "/wiki/conf/users.php", "/wiki/data/cache/a/b", "/wiki/VERSION.txt"]
ALLOWED = ["/wiki/", "/wiki/configure", "/wiki/data/pages", "/wiki/lib/conf/", "/wiki/VERSION-txt", "/conf/"]


def denying(site):
    """Return the pattern, and what follows it, of the location that denies."""
    found = re.search(r"location ~ (\^/wiki/\(\S+) \{\n(.*?)\}", site.text("nginx/locations/wiki.conf"), re.DOTALL)
    assert found
    return re.compile(found[1]), found[2]


def test_a_denied_path_is_denied_with_everything_below_it_and_nothing_else(goldens):
    pattern, _ = denying(goldens["asleep"])
    assert [path for path in DENIED + ALLOWED if pattern.search(path)] == DENIED


def test_denied_paths_are_checked_before_scripts(goldens):
    text = goldens["asleep"].text("nginx/locations/wiki.conf")
    assert text.index("(?:conf|") < text.index(r"(?:\.php)$")


def test_denied_paths_are_never_served_and_the_app_answers_instead(goldens):
    """`return 404` is handled like every 404 below the route: the app answers (nginx: error_page is inherited)."""
    text = goldens["asleep"].text("nginx/locations/wiki.conf")
    _, answer = denying(goldens["asleep"])
    assert "error_page 403 404 405 = @wiki;" in text
    assert answer.strip() == "return 404;"


def test_a_header_field_of_a_recipe_is_set_for_each_request_in_quotes(goldens):
    text = goldens["gate"].text("nginx/locations/dav.params")
    assert 'proxy_set_header X-Script-Name "/dav";' in text
    assert 'proxy_set_header X-Realm "Kim\'s, dav";' in text


RECIPE = (
    IDENTITY
    + """\
images: {app: {shared: base}}
volumes: {text: {admin: true}, pages: {public: /}}
components:
  build: {image: app, once: true, volumes: {text: /srv/text, pages: /srv/pages}, memory: 64M}
  stays: {image: app, volumes: {text: /srv/text}, health: {command: ["true"]}, memory: 64M}
serve: {files: {volume: pages}}
"""
)


@pytest.fixture
def job(goldens):
    return job_of(goldens, RECIPE)


def job_of(goldens, recipe):
    """Return an instance of a recipe, ready to be compiled."""
    bundle = load_recipe("recipe.yaml", "demo", {"recipe.yaml": recipe.encode()}, shared_parts())
    file = load_instance("instances/one.yaml", "recipe: demo\nroute: https://one.example.org/\n")
    shared: Shared = shared_files()
    return Job(file, bundle, Site(), Block(524288), Host(goldens["once"].paths), shared)


@pytest.mark.parametrize(("component", "differs"), [("build", True), ("stays", False)])
def test_a_once_component_runs_again_when_files_of_the_admin_change(job, component, differs):
    one, other = (
        component_quadlet(replace(job, admin_digests={"text": digest}), component, []) for digest in ("1", "2")
    )
    assert (one.digest != other.digest) == differs


@pytest.mark.parametrize(("waiting", "ready", "notify"), [
    (("true", "true"), "notify", []),
    (("true", "true"), "healthy", []),
    (("true", "false"), "notify", ["true"]),
    (("true", "false"), "healthy", ["healthy"]),
])  # fmt: skip
def test_who_waits_for_a_component_itself_starts_beside_it(goldens, waiting, ready, notify):
    """The database counts as started when its container runs; the order in which they stop is kept."""
    check = 'image: app, memory: 64M, health: {command: ["true"]}'
    recipe = IDENTITY + "images: {app: {shared: base}}\nserve: {http: {}}\ncomponents:\n"
    recipe += f"  db: {{{check}, ready: {ready}}}\n"
    for name, waits in zip(("app", "jobs"), waiting, strict=True):
        recipe += f"  {name}: {{{check}, after: [db], waits: {waits}}}\n"
    job = job_of(goldens, recipe)
    units = {name: component_quadlet(job, name, []).content.decode() for name in ("app", "db", "jobs")}
    assert values(units["db"], "Notify") == notify
    assert values(units["jobs"], "Notify") == ["healthy"]
    assert values(units["jobs"], "Requires") == ["app@one.db.service"]
    assert values(units["jobs"], "After") == [FIRST_OF_PODMAN, LOGS, "app@one.db.service"]
    assert bool(values(units["db"], "HealthCmd")) == (ready == "healthy")


def test_who_waits_has_the_time_of_the_slowest_that_it_waits_for_beside_its_own(goldens):
    check = 'image: app, memory: 64M, health: {command: ["true"]}'
    recipe = IDENTITY + "images: {app: {shared: base}}\nserve: {http: {}}\ncomponents:\n"
    recipe += f"  db: {{{check}, start_timeout: 10m}}\n  cache: {{{check}, start_timeout: 1m}}\n"
    recipe += f"  app: {{{check}, start_timeout: 2m, after: [cache, db], waits: true}}\n"
    job = job_of(goldens, recipe)
    units = {name: component_quadlet(job, name, []).content.decode() for name in ("app", "db", "cache")}
    assert {name: values(text, "TimeoutStartSec") for name, text in units.items()} == {
        "app": ["720"], "db": ["600"], "cache": ["60"]
    }  # fmt: skip


ANSWERING = """\
images: {app: {shared: base}}
serve: {http: {port: 8080}}
timers: {fetch: {component: app, command: [fetch], every: 1d, help: It fetches.}}
components:
  app: {image: app, memory: 64M, ready: answers, start_timeout: 3m}
  jobs: {image: app, memory: 64M, health: {command: ["true"]}, after: [app], start_timeout: 1m}
"""


def commands(text, key):
    return [arguments(value) for _, name, value in read(text) if name == key]


def test_what_needs_an_app_on_a_port_waits_until_that_port_answers(goldens):
    """The unit of such an app is up as soon as its container runs: systemd knows nothing of its port."""
    job = job_of(goldens, IDENTITY + ANSWERING)
    files = {artifact.path: artifact.content.decode() for artifact in compile_instance(job).artifacts}
    waits = ["/bin/sh", "-c", ANSWERS, "app@one.service", "1F90"]
    for unit in ("units/app@one.fetch.service", "quadlets/app@one.jobs.container"):
        assert commands(files[unit], "ExecStartPre") == [waits]
    assert commands(files["quadlets/app@one.container"], "ExecStartPre") == []
    assert values(files["quadlets/app@one.jobs.container"], "TimeoutStartSec") == ["240"]


def test_who_waits_for_an_app_itself_does_not_wait_for_its_port(goldens):
    job = job_of(goldens, IDENTITY + ANSWERING.replace("after: [app]", "after: [app], waits: true"))
    text = component_quadlet(job, "jobs", []).content.decode()
    assert commands(text, "ExecStartPre") == []


LISTENING = """
import os, socket, sys, time
parent = os.getppid()
listener = socket.socket(socket.AF_INET6 if sys.argv[1] == "6" else socket.AF_INET)
listener.bind(("::1" if sys.argv[1] == "6" else "127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(0.6)
listener.listen()
while os.getppid() == parent:
    time.sleep(0.1)
"""


@pytest.mark.parametrize("family", ["4", "6"])
def test_it_waits_until_the_process_in_the_container_listens(tmp_path, family):
    """As conmon does, a process that systemd knows has the one that listens as its child."""
    script = tmp_path / "late.py"
    script.write_text(LISTENING)
    starter = f"import subprocess, sys; subprocess.run([sys.executable, {str(script)!r}, {family!r}])"
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as main:
        port = int(main.stdout.readline())
        manager = tmp_path / "systemctl"
        manager.write_text(f'#!/bin/sh\ntest "$*" = "--user show -P MainPID app@one.service" && echo {main.pid}\n')
        manager.chmod(0o755)
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        try:
            subprocess.run(
                ["/bin/sh", "-c", ANSWERS, "app@one.service", f"{port:04X}"], env=path, timeout=20, check=True
            )
        finally:
            main.stdout.close()
            main.kill()
    assert time.monotonic() - began > 0.5


@pytest.mark.parametrize("word", [";", ""])
def test_what_no_command_may_have_as_a_word_may_be_a_variable(goldens, word):
    check = 'image: app, memory: 64M, health: {command: ["true"]}'
    recipe = IDENTITY + "images: {app: {shared: base}}\nserve: {http: {}}\ncomponents:\n"
    text = f'  app: {{{check}, environment: {{A: "{word}"}}}}\n'
    unit = component_quadlet(job_of(goldens, recipe + text), "app", []).content.decode()
    assert values(unit, "Environment") in (['"A=;"'], ["A="], ["A=;"])
