"""logs: the journal query of an instance, and the filter for its entries."""

from __future__ import annotations

import pytest
from acting import acting

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import files
from chainsaw.host.journal import Entry
from chainsaw.host.store import generations
from chainsaw.model.paths import Paths
from chainsaw.work.inspect import logs
from chainsaw.work.inspect.logs import LogRequest, line, source_of, text_of

log_query = acting(logs.log_query)


@pytest.fixture
def paths(tmp_path, monkeypatch, goldens):
    """The account of an admin who has applied the site of a golden case."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    paths = Paths.of(str(tmp_path), {})
    site = goldens["one-host"]
    generations.write_generation(paths, site.manifest.model_copy(update={"number": 1}), site.tree)
    files.replace_link(paths.current, "1")
    return paths


def refused(wish):
    with pytest.raises(ChainsawError) as caught:
        log_query(wish)
    (problem,) = caught.value.diagnostics
    return problem, caught.value.exit


def entry(text, container="", unit="app@blog.service"):
    return Entry(1750000000.0, container, unit, 6, text)


def test_what_an_instance_says_is_what_its_units_and_containers_say(paths):
    wanted = log_query(LogRequest("blog"))
    assert wanted.command == (
        "journalctl --user CONTAINER_NAME=blog.db + _SYSTEMD_USER_UNIT=app@blog.db.service"
        " + USER_UNIT=app@blog.db.service"
        " + CONTAINER_NAME=blog.app + _SYSTEMD_USER_UNIT=app@blog.service + USER_UNIT=app@blog.service"
        " + _SYSTEMD_USER_UNIT=app@blog.cron.service + USER_UNIT=app@blog.cron.service"
    )
    assert wanted.accept(entry("anything"))


def test_a_line_says_what_of_the_instance_wrote_it(paths):
    def written(unit, program, container=""):
        return source_of(Entry(1750000000.0, container, unit, 6, "x", program), "blog")

    assert written("app@blog.service", "blog.app", "blog.app") == "app"
    assert written("app@blog.cron.service", "podman") == "cron"
    assert written("app@blog.mail.service", "systemd-socket-proxyd") == "mail"
    assert written("app@blog.cron.service", "systemd") == "systemd"
    assert written("app@blog.service", "podman") == "systemd"


def test_a_component_alone_can_be_asked_for_and_a_time(paths):
    assert log_query(LogRequest("blog", "db", since="-1 hour")).command == (
        "journalctl --user '--since=-1 hour' CONTAINER_NAME=blog.db + _SYSTEMD_USER_UNIT=app@blog.db.service"
        " + USER_UNIT=app@blog.db.service"
    )


def test_what_visitors_asked_for_is_that_of_this_instance_alone(paths):
    wanted = log_query(LogRequest("club", access=True))
    assert wanted.command == "journalctl --user '--grep=^club ' CONTAINER_NAME=chainsaw-front PRIORITY=6"
    assert wanted.accept(entry('club 192.0.2.1 - "GET /"', "chainsaw-front"))
    assert not wanted.accept(entry('club2 192.0.2.1 - "GET /"', "chainsaw-front"))
    assert not wanted.accept(entry('blog 192.0.2.1 - "GET /club"', "chainsaw-front"))


def test_what_an_application_makes_the_front_say_is_no_request(paths):
    """The front repeats on stderr, line by line, what a FastCGI application writes there."""
    forged = Entry(1750000000.0, "chainsaw-front", "", 3, 'club 192.0.2.1 - "GET /admin"')
    for wanted in (LogRequest("club", access=True), LogRequest("club", every=True)):
        assert not log_query(wanted).accept(forged)


def test_further_lines_of_an_entry_are_indented(paths):
    shown = line(entry("first\n01-01 00:00:00 visitor forged", "blog.app"), "blog").splitlines()
    assert shown[1].lstrip() == "01-01 00:00:00 visitor forged"
    assert shown[1].startswith(" " * 20)


def test_both_logs_can_be_read_together_with_their_sources(paths):
    wanted = log_query(LogRequest("blog", every=True, grep="GET|ready"))
    assert wanted.options[-2:] == ("CONTAINER_NAME=chainsaw-front", "PRIORITY=6")
    visit, word = entry('blog 192.0.2.1 - "GET /"', "chainsaw-front"), entry("ready for connections", "blog.db")
    assert wanted.accept(visit)
    assert wanted.accept(word)
    assert not wanted.accept(entry("Buffer pool loaded", "blog.db"))
    assert [source_of(item, "blog") for item in (visit, word, entry("Started."))] == ["visitor", "db", "systemd"]
    assert text_of(visit, "blog") == '192.0.2.1 - "GET /"'
    assert line(word, "blog").endswith(" db       ready for connections")


def test_a_component_that_there_is_not_is_refused_with_those_that_there_are(paths):
    problem, code = refused(LogRequest("blog", "dbb"))
    assert (problem.code, code, problem.hint) == ("no-component", Exit.MISSING, "components: db, app, cron")
    assert problem.message == "blog has no component 'dbb'; did you mean db?"
    assert "use --access" in refused(LogRequest("docs", "app"))[0].hint


def test_an_instance_that_is_only_declared_says_nothing_yet(paths):
    files.write_atomic(f"{paths.instance_files}/later.yaml", b"recipe: static\n")
    problem, code = refused(LogRequest("later"))
    assert (problem.code, code, problem.hint) == ("not-applied", Exit.MISSING, "chainsaw apply later")
    assert refused(LogRequest("blgo"))[0].message == "no instance 'blgo'; did you mean blog?"


def test_a_pattern_that_is_none_is_refused(paths):
    problem, code = refused(LogRequest("blog", grep="(open"))
    assert (problem.code, code, problem.key) == ("pattern", Exit.INVALID, "(open")
