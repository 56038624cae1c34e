"""Running other programs."""

from __future__ import annotations

import sys

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import process

MISSING = ["/nonexistent/program", "--flag"]


def python(code):
    return [sys.executable, "-c", code]


def problem(call, *arguments):
    with pytest.raises(ChainsawError) as caught:
        call(*arguments)
    (found,) = caught.value.diagnostics
    return found


def test_a_program_gets_its_input_and_gives_its_output():
    done = process.run(python("import sys; print(sys.stdin.read().upper())"), stdin=b"abc")
    assert (done.code, done.text, done.complaint) == (0, "ABC", "ABC")


def test_a_variable_is_added_to_the_environment():
    code = "import os; print(os.environ['QUADLET_UNIT_DIRS'], 'PATH' in os.environ)"
    assert process.run(python(code), extra_env={"QUADLET_UNIT_DIRS": "/a"}).text == "/a True"


def test_a_variable_is_taken_out_of_the_environment(monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    code = "import os; print('GIT_DIR' in os.environ, 'PATH' in os.environ)"
    assert process.run(python(code), extra_env={"GIT_DIR": None, "GIT_INDEX_FILE": None}).text == "False True"


def test_a_failed_program_is_reported_with_its_last_lines():
    found = problem(
        process.run, python("import sys; print('\\n'.join(map(str, range(40))), file=sys.stderr); sys.exit(3)")
    )
    assert found.code == "program-failed"
    assert "ended with 3:\n25\n" in found.message
    assert found.message.endswith("\n39")


def test_a_failure_may_be_asked_for():
    assert process.run(python("raise SystemExit(4)"), check=False).code == 4


def test_what_a_program_was_given_stands_in_no_message():
    found = problem(process.run, [*python("raise SystemExit(1)"), "third", "a password"])
    assert "a password" not in found.message


@pytest.mark.parametrize(
    "call",
    [process.run, lambda argv: process.follow(argv, print), lambda argv: process.feed(lambda _: argv, [])],
    ids=["run", "follow", "feed"],
)
def test_a_program_that_is_not_there_is_named(call):
    found = problem(call, MISSING)
    assert (found.code, found.message) == ("no-program", "/nonexistent/program is not installed")


def test_lines_are_handed_on_while_a_program_runs():
    lines: list[str] = []
    process.follow(python("import sys; print('a'); print('b', file=sys.stderr)"), lines.append)
    assert sorted(lines) == ["a", "b"]
    assert problem(process.follow, python("print('no'); raise SystemExit(2)"), lines.append).code == "program-failed"


def test_a_stream_is_consumed_while_a_program_runs():
    assert process.pipe(python("print('a' * 100000)"), lambda stream: len(stream.read())) == 100001
    assert process.pipe(python("raise SystemExit(1)"), lambda stream: stream.read(), accepted=(0, 1)) == b""
    assert problem(process.pipe, python("raise SystemExit(2)"), lambda stream: stream.read()).code == "program-failed"
    assert problem(process.pipe, MISSING, lambda stream: stream.read()).code == "no-program"


def test_many_errors_do_not_stop_a_stream():
    """A program that fills its stderr pipe could block for ever; here an alarm ends it after 5 seconds."""
    code = "import signal, sys; signal.alarm(5); sys.stderr.write('e' * 500000); sys.stderr.flush(); print('end')"
    assert process.pipe(python(code), lambda stream: stream.read()) == b"end\n"


def test_a_reader_that_fails_hides_no_failure_of_the_program():
    def reader(stream):
        stream.read()
        raise ValueError("unexpected end")

    found = problem(process.pipe, python("import sys; print('disk full', file=sys.stderr); sys.exit(2)"), reader)
    assert "disk full" in found.message
    with pytest.raises(ValueError, match="unexpected end"):
        process.pipe(python("pass"), reader)


def test_of_a_program_that_is_followed_the_last_lines_are_kept():
    outcome = process.follow(["seq", "100000"], lambda line: None)
    assert outcome.text.splitlines()[-1] == "100000"
    assert len(outcome.text.splitlines()) == process.LAST


def test_one_that_took_too_long_is_said_to():
    with pytest.raises(ChainsawError, match="ended with 124, as it took too long"):
        process.run(["timeout", "0.1", "sleep", "5"])


COUNTING = "import os, sys; print(sum(1 for _ in os.fdopen(int(sys.argv[1]), 'rb')))"


def test_what_a_program_is_fed_is_never_held_as_a_whole():
    pieces = (b"a line of a log\n" for _ in range(200_000))
    assert process.feed(lambda number: [*python(COUNTING), str(number)], pieces) == b"200000\n"


def test_a_program_that_prints_before_it_reads_holds_up_nobody():
    code = "import os, sys; print('x' * 10**6); os.fdopen(int(sys.argv[1])).read()"
    assert len(process.feed(lambda number: [*python(code), str(number)], [b"y" * 10**6])) == 10**6 + 1


def test_a_program_that_ends_without_reading_says_why():
    code = "import sys; sys.exit('no such format')"
    found = problem(process.feed, lambda number: [*python(code), str(number)], (b"line\n" for _ in range(200_000)))
    assert (found.code, "no such format" in found.message) == ("program-failed", True)


def test_when_the_pieces_fail_the_program_ends(tmp_path):
    def pieces():
        yield b"first\n"
        raise ZeroDivisionError

    code = f"import os, sys; open('{tmp_path}/read', 'wb').write(os.fdopen(int(sys.argv[1]), 'rb').read())"
    with pytest.raises(ZeroDivisionError):
        process.feed(lambda number: [*python(code), str(number)], pieces())
    assert (tmp_path / "read").exists(), "it has ended"
