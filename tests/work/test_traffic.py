"""traffic: what is counted of the front's log, and what is shown of it."""

from __future__ import annotations

import os
import stat
import time
from typing import Any

import pytest
from acting import acting
from fake import replaces
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import elsewhere, files, journal
from chainsaw.host.podman.program import Program
from chainsaw.host.store import generations
from chainsaw.model.paths import Paths
from chainsaw.model.visit import Visit, read_line
from chainsaw.work.result import Quiet
from chainsaw.work.traffic import page, report
from chainsaw.work.traffic.count import Counted, Details, is_robot
from chainsaw.work.traffic.report import TrafficRequest
from chainsaw.work.traffic.sketch import Distinct, Most, Times

traffic = acting(report.traffic)
NOON = 1_790_000_000
JOURNALCTL = """#!/bin/sh
for word; do
    case $word in
        --since=nonsense) exit 1 ;;
        --until=*) cat {0}/earlier; exit 0 ;;
    esac
done
printf '%s\\n' "$@" > {0}/asked
cat {0}/said
"""


def line(
    site="blog", request="GET / HTTP/2.0", status=200, size=100, took="0.012", came_from="-", agent="Mozilla/5.0",
    address="192.0.2.7", cache="-",
):  # fmt: skip
    return (
        f'{site} {address} - "{request}" {status} {size} {took} "{came_from}" "{agent}"'
        f" host={site}.example.org upstream=0.010 cache={cache} id=00ff"
    )


def visit(**fields):
    found = read_line(line(**fields))
    assert isinstance(found, Visit)
    return found


def counted(*lines, only="", details=None):
    found = Counted(only=only, details=details)
    for number, text in enumerate(lines):
        found.add(NOON + number, text)
    return found


@pytest.fixture
def site(tmp_path, monkeypatch, goldens):
    """The account of an admin who has applied the site of a golden case, and a journal with what is said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    paths, made = Paths.of(str(tmp_path), {}), goldens["one-host"]
    generations.write_generation(paths, made.manifest.model_copy(update={"number": 1}), made.tree)
    files.replace_link(paths.current, "1")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/journalctl"
    program.write_text(JOURNALCTL.format(tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    def says(*lines, earlier=()):
        for name, every in (("said", lines), ("earlier", earlier)):
            text = "".join(f"{NOON + at}.250000 host chainsaw-front[9]: {one}\n" for at, one in enumerate(every))
            (tmp_path / name).write_text(text)

    says()
    return says


def asked_of_journalctl():
    return files.read_text(f"{os.environ['HOME']}/asked").splitlines()


def seen(name=None, since=None, html=None):
    return traffic(TrafficRequest(name, since, html), Quiet())


def refused(**wish):
    with pytest.raises(ChainsawError) as caught:
        seen(**wish)
    (problem,) = caught.value.diagnostics
    return problem, caught.value.exit


def test_requests_visitors_errors_bytes_times_and_cache_are_counted_for_each_site(site):
    site(
        line(),
        line(address="192.0.2.8", status=404, took="1.000"),
        line(agent="Googlebot/2.1", status=503, size=50, cache="HIT"),
        line(cache="MISS"),
        line(site="club", agent="-"),
    )
    blog, club = seen().data["applications"]
    assert blog == {
        "name": "blog",
        "requests": 4,
        "left_out": 0,
        "visitors": 3,
        "visitors_exact": True,
        "robots": 1,
        "client_errors": 1,
        "server_errors": 1,
        "bytes": 350,
        "p50": 0.012,
        "p99": 1.0,
        "cache": {"HIT": 1, "MISS": 1},
        "cached": 0.5,
    }
    assert (club["name"], club["requests"], club["robots"], club["cached"]) == ("club", 1, 1, None)


def test_the_busiest_is_the_first_and_has_the_longest_bar(site):
    site(line(site="club"), *[line()] * 4)
    table = seen().table
    assert [row[0] for row in table.rows] == ["blog", "club"]
    assert table.bars == (1.0, 0.25)
    assert table.rows[0] == ("blog", "4", "1", "0", "0", "0", "400 B", "12 ms", "12 ms", "-")


def test_of_one_there_are_hours_paths_referrers_and_statuses_too(site):
    site(
        line(request="GET /walks/?token=secret HTTP/2.0"),
        line(request="GET /walks/ HTTP/2.0", came_from="https://search.example/?q=sea"),
        line(came_from="https://blog.example.org/walks/"),
        line(came_from="https://EXAMPLE.org:443/", status=404),
        line(request="GET /\\xC3\\xBC HTTP/1.1"),
    )
    result = seen("blog")
    assert "--grep=^blog " in asked_of_journalctl()
    assert result.data["paths"]["most"] == [
        {"path": "/", "requests": 2},
        {"path": "/walks/", "requests": 2},
        {"path": "/ü", "requests": 1},
    ]
    assert result.data["referrers"]["most"] == [{"referrer": "https://search.example/", "requests": 1}]
    assert result.data["hours"] == [{"at": NOON // 3600 * 3600, "requests": 5}]
    assert [table.heading[0] for table in result.further] == ["hour", "path", "referrer", "status"]
    assert "secret" not in str(result)


def test_of_a_long_time_each_day_has_a_bar():
    details = Details()
    for day in range(3):
        details.add(NOON + day * 86400, visit())
    name, counts = report._when(details.hours)
    assert (name, [count for _, count in counts]) == ("day", [1, 1, 1])


def test_a_clock_that_was_wrong_makes_no_endless_table():
    details = Details()
    for at in (0, *range(NOON, NOON + 100 * 86400, 86400)):
        details.add(at, visit())
    assert len(report._when(details.hours)[1]) == report.DAYS


def test_it_is_said_since_when_the_figures_are(site):
    site(line())
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOON))
    assert seen().lines[0] == f"since {moment}, the oldest line that the journal keeps"
    assert seen(since="-1h").lines[0] == f"since {moment}, the oldest line that the journal keeps"
    site(line(), earlier=[line()])
    assert seen(since="-1h").lines[0] == "since -1h"
    assert seen(since="-1h").data["complete"]
    assert "--since=-1h" in asked_of_journalctl()


def test_without_requests_that_is_said(site):
    assert seen().lines == ("the journal has no requests",)
    assert seen(since="-1h").lines == ("the journal has no requests since -1h",)
    assert seen().table is None


def test_what_the_log_left_out_and_what_cannot_be_read_is_said(site):
    site(
        line(),
        "blog 12 lines were left out in 30 seconds: too many",
        "3 lines were left out in 30 seconds: too many",
        "what is this?",
    )
    result = seen()
    assert result.data["applications"][0]["left_out"] == 12
    assert (result.data["left_out"], result.data["unread"]) == (3, 1)
    assert result.lines[1:] == (
        "15 requests more came so fast that the log left them out",
        "1 line could not be read",
    )


def test_lines_of_an_earlier_version_count(site):
    site(line().partition(" host=")[0])
    assert seen("blog").data["applications"][0]["requests"] == 1


def test_a_line_of_another_site_never_counts():
    found = counted(line(site="blog2"), line(request="GET /blog HTTP/1.1", site="club"), only="blog", details=Details())
    assert found.sites == {}


def test_a_websocket_that_is_open_for_hours_is_no_slow_answer():
    found = counted(line(), line(status=101, took="7200.000"))
    assert found.sites["blog"].times.quantile(0.99) == 12


def test_an_unknown_name_is_refused(site):
    problem, code = refused(name="blgo")
    assert (problem.code, code) == ("no-instance", Exit.MISSING)


def test_what_is_no_time_is_refused(site):
    problem, code = refused(since="nonsense")
    assert (problem.code, code, problem.key) == ("time", Exit.INVALID, "--since")


@pytest.mark.parametrize("agent", ["-", "curl/8.14.1", "Mozilla/5.0 (compatible; Googlebot/2.1)", "chainsaw-probe"])
def test_what_says_that_it_is_a_program_is_a_robot(agent):
    assert is_robot(agent)


@pytest.mark.parametrize(
    "agent", ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0", "Mozilla/5.0 (CUBOT X70)"]
)
def test_a_browser_is_no_robot(agent):
    assert not is_robot(agent)


@given(st.lists(st.text(max_size=3)))
def test_few_texts_are_counted_exactly(texts):
    distinct = Distinct()
    for text in texts:
        distinct.add(text)
    assert (distinct.count(), distinct.is_exact) == (len(set(texts)), True)


@pytest.mark.parametrize("many", [10_000, 100_000])
def test_many_texts_are_counted_within_a_few_percent(many):
    distinct = Distinct()
    for number in [*range(many), *range(many // 2)]:
        distinct.add(f"192.0.2.{number} Mozilla")
    assert not distinct.is_exact
    assert abs(distinct.count() - many) < 0.06 * many
    assert len(distinct.smallest) <= 2 * Distinct.MOST


def test_what_is_frequent_stays_however_much_there_is_of_the_rest():
    most = Most()
    for number in range(50_000):
        most.add(f"/{number}")
        if number % 10 == 0:
            most.add("/walks/")
    assert len(most.counts) <= 2 * Most.LIMIT
    (first, count), *_ = most.most(5)
    assert first == "/walks/"
    assert count <= 5000 <= count + most.short_by
    assert most.short_by < 55_000 / Most.LIMIT


@given(st.lists(st.integers(0, 10**7), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_within_one_percent(spans, part):
    times = Times()
    for span in spans:
        times.add(span)
    exact = sorted(spans)[max(0, -int(-part * len(spans) // 1) - 1)]
    found = times.quantile(part)
    assert found is not None
    assert found <= exact <= found * 1.01


def test_without_times_there_is_no_quantile():
    assert Times().quantile(0.5) is None


def test_the_messages_of_the_journal_come_one_by_one(site):
    site("first\n    and more\n-- Boot 5555 --", "second")
    assert journal.messages([], list) == [(NOON + 0.25, "first"), (NOON + 1.25, "second")]


# The page


def test_a_line_for_goaccess_has_the_local_time_and_what_a_visitor_sent_as_it_is_escaped():
    made = page.line_for(NOON, visit(agent="\\x22<b>", request="\\x16\\x03")).decode()
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOON))
    assert made == (
        f'{moment} 192.0.2.7 blog.example.org "-" "GET \\x16\\x03 HTTP/1.1" 200 100 0.012 "-" "\\x22<b>" -\n'
    )


@replaces(Program)
class Podman:
    """GoAccess, which reads all and prints a page."""

    def __init__(self, printed):
        self.printed, self.given = printed, []

    def convert(self, reference, argv, pieces):
        self.given = list(pieces)
        return self.printed


def test_a_page_loads_nothing():
    podman: Any = Podman(b"<html><head><title></title></head></html>")
    made = page.page_of(podman, "image", "chainsaw traffic", iter([b"one\n", b"two\n"]))
    assert made.startswith(b"<html><head><meta http-equiv='Content-Security-Policy' content=\"default-src 'none';")
    assert podman.given == [b"one\n", b"two\n"]


@pytest.mark.parametrize(
    ("printed", "lines", "code", "status"),
    [(b"<head>", [], "no-requests", Exit.MISSING), (b"", [b"one\n"], "no-page", Exit.FAILED)],
)
def test_what_is_no_page_is_not_written(printed, lines, code, status):
    podman: Any = Podman(printed)
    with pytest.raises(ChainsawError) as caught:
        page.page_of(podman, "image", "chainsaw traffic", iter(lines))
    assert (caught.value.diagnostics[0].code, caught.value.exit) == (code, status)


def test_a_page_is_for_the_admin_alone_and_replaces_the_one_before(tmp_path):
    target = tmp_path / "traffic.html"
    target.write_text("before")
    target.chmod(0o644)
    elsewhere.write_private(elsewhere.check_target(str(target)), b"after")
    assert target.read_bytes() == b"after"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_not_followed(tmp_path):
    other, link = tmp_path / "other", tmp_path / "traffic.html"
    other.write_text("mine")
    link.symlink_to(other)
    # It was made after the check.
    elsewhere.write_private(str(link), b"page")
    assert (other.read_text(), link.read_bytes(), link.is_symlink()) == ("mine", b"page", False)


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(IsADirectoryError):
        elsewhere.write_private(str(tmp_path / "there"), b"page")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("name", ["missing/traffic.html", "link.html", "directory"])
def test_a_file_that_cannot_be_is_refused_before_anything_is_done(site, tmp_path, name):
    (tmp_path / "link.html").symlink_to("elsewhere")
    (tmp_path / "directory").mkdir()
    site(line())
    problem, code = refused(html=str(tmp_path / name))
    assert (problem.code, code) == ("target", Exit.INVALID)
    assert problem.hint
