"""The audit record: commands that change this host are recorded, and commands that only read are not."""

from __future__ import annotations

import io
import os
import pwd
import socket

import click
import pytest
from test_verbs import command_of

from chainsaw.cli.recorded import HIDDEN, key_alone, recorded_words, without_password
from chainsaw.cli.verbs import every_path, verb_at
from chainsaw.errors import Exit
from chainsaw.host import facts
from chainsaw.work.system.audit import RESULTS

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def records(home, tmp_path):
    """Return a function that returns the records since its last call."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "journal"))
        server.setblocking(False)

        def read():
            found = []
            while True:
                try:
                    found.append(fields_of(server.recv(1 << 20)))
                except BlockingIOError:
                    return found

        yield read


def fields_of(message):
    """Return the fields of a datagram of the Native Journal Protocol: a name, a size, that many bytes."""
    found = {}
    while message:
        name, _, rest = message.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + size].decode()
        message = rest[9 + size :]
    return found


def test_a_record_has_user_command_reason_and_result(chainsaw, records):
    chainsaw("new", "static", "www", "--route", "https://www.example.org/")
    command = "chainsaw new static www --route https://www.example.org/"
    assert records() == [
        {
            "MESSAGE": f"{ME}: {command}: done",
            "PRIORITY": "5",
            "SYSLOG_IDENTIFIER": "chainsaw",
            "CHAINSAW_WHO": ME,
            "CHAINSAW_COMMAND": command,
            "CHAINSAW_WHY": "",
            "CHAINSAW_RESULT": "done",
            "CHAINSAW_EXIT": "0",
        }
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("-m", "the owner asked for it"),
        ("--message", "the owner asked for it"),
        ("--message=the owner asked for it",),
        ("-mthe owner asked for it",),
    ],
)
def test_a_reason_is_recorded_however_it_is_given(chainsaw, records, words):
    chainsaw("remove", "blog", *words)
    (record,) = records()
    assert record["CHAINSAW_WHY"] == "the owner asked for it"


@pytest.mark.parametrize(
    ("words", "code", "result"),
    [
        (("remove", "blog"), Exit.MISSING, "not found"),
        (("new", "static", "Blog"), Exit.INVALID, "refused"),
        (("apply",), Exit.HOST, "something is missing on this host"),
        (("apply", "--fast"), Exit.USAGE, "wrong usage"),
        (("remove", "www", "--purge"), Exit.USAGE, "wrong usage"),
    ],
)
def test_what_did_not_succeed_is_a_warning(chainsaw, records, instance, words, code, result):
    instance("www", "recipe: static\nroute: https://www.example.org/\n")
    assert chainsaw(*words).code == code
    (record,) = records()
    assert (record["CHAINSAW_RESULT"], record["CHAINSAW_EXIT"]) == (result, str(int(code)))
    assert record["PRIORITY"] == "4"


def test_every_exit_code_has_a_result():
    assert set(RESULTS) == set(Exit)


def test_who_asked_sudo_is_who_did_it(chainsaw, records, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "kim")
    chainsaw("remove", "blog")
    assert records()[0]["CHAINSAW_WHO"] == "kim"


def test_words_are_quoted_so_that_the_command_is_not_mixed_up_with_its_arguments(chainsaw, records):
    chainsaw("note", "blog", "it's done; rm -rf /\nPRIORITY=0", "--json")
    (record,) = records()
    assert record["CHAINSAW_COMMAND"].startswith("chainsaw note blog 'it'\"'\"'s done; rm -rf /")
    assert record["PRIORITY"] == "4"


def test_what_was_parsed_is_recorded_however_it_was_typed(chainsaw, records):
    chainsaw("remove", "--json", "-y", "--purge", "blog", "--message=moved")
    (record,) = records()
    assert record["CHAINSAW_COMMAND"] == "chainsaw remove blog --purge -y -m moved --json"


def test_a_command_that_breaks_is_recorded_too(chainsaw, records, monkeypatch):
    def broken(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("chainsaw.work.history.notes.note", broken)
    with pytest.raises(RuntimeError):
        chainsaw("note", "blog", "text")
    assert records()[0]["CHAINSAW_RESULT"] == "failed"


def test_a_command_that_was_interrupted_is_recorded_too(chainsaw, records, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainsaw.work.history.notes.note", interrupted)
    assert chainsaw("note", "blog", "text").code == 130
    assert records()[0]["CHAINSAW_RESULT"] == "was interrupted"


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("status", "blog"),
        ("plan",),
        ("render",),
        ("search",),
        ("info", "wordpress"),
        ("config", "blog"),
        ("config", "show", "blog"),
        ("inventory", "blog"),
        ("inventory", "--orphans"),
        ("history",),
        ("secret", "show", "blog", "admin_password"),
        ("secret", "list", "blog"),
        ("source", "list"),
        ("notify", "list"),
        ("notify", "test"),
        ("notify", "send"),
        ("notify", "summary"),
        ("recipe", "lint", "wiki"),
        ("ca",),
        ("--help",),
        ("--version",),
        (),
        ("backups", "blog"),
        ("show", "blog"),
        ("backup", "blog", "--dry-run"),
        ("restore", "--site", "/nowhere.tar.zst.age", "--dry-run"),
        ("newer", "static"),
        ("remove-all",),
        ("apply", "--dry-run"),
        ("apply", "--explain"),
        ("rollback", "blog", "--dry-run"),
        ("setup", "--dry-run"),
        ("remove", "blog", "--purge", "--explain"),
        ("remove", "--help"),
        ("new", "-h"),
    ],
    ids=" ".join,
)
def test_a_command_that_only_reads_is_not_recorded(chainsaw, records, words):
    chainsaw(*words)
    assert records() == []


CHANGING = [
    ("new", "static", "www"),
    ("config", "set", "www", "route", "https://example.org/"),
    ("config", "unset", "www", "sleep"),
    ("apply", "www"),
    ("start", "www"),
    ("stop", "www"),
    ("restart", "www"),
    ("maintenance", "www", "on"),
    ("note", "www", "text"),
    ("rollback", "www"),
    ("remove", "www", "--yes", "--purge"),
    ("remove", "--orphans"),
    ("rename", "www", "web"),
    ("clone", "www", "web"),
    ("secret", "rotate", "www", "key"),
    ("install", "--yes", "nosuchrecipe"),
    ("uninstall", "nosuchrecipe"),
    ("source", "add", "club", "/nowhere"),
    ("source", "update", "club"),
    ("source", "remove", "club"),
    ("recipe", "test", "/nowhere"),
    ("setup", "--user", "nosuchuser"),
    ("user", "add", "kim"),
    ("user", "passwd", "kim"),
    ("user", "groups", "kim", "board"),
    ("user", "remove", "kim"),
    ("backup", "make", "www"),
    ("backup", "verify", "www"),
    ("backup", "drill", "www"),
    ("backup", "key"),
    ("restore", "/nowhere/www.tar.zst"),
    ("cert", "renew", "blog.example.org"),
    ("cert", "import", "blog.example.org", "--chain", "/nowhere", "--key", "/nowhere"),
]


@pytest.mark.parametrize("words", CHANGING, ids=" ".join)
def test_what_changes_something_is_recorded_once(chainsaw, records, words):
    chainsaw(*words)
    assert len(records()) == 1


EDITED = {"secret set", "config edit"}
"""Commands that wait for input, which the examples above cannot include."""


def test_every_verb_that_changes_something_is_among_them():
    tried = {path for path in every_path() for words in CHANGING if words[: len(path.split())] == tuple(path.split())}
    assert tried | EDITED == {path for path in every_path() if verb_at(path).changes}


def test_traffic_is_recorded_only_with_a_page(chainsaw, records):
    chainsaw("traffic")
    assert records() == []
    chainsaw("traffic", "--since", "today", "--html", "/nonexistent/traffic.html")
    (record,) = records()
    assert record["CHAINSAW_COMMAND"] == "chainsaw traffic --since today --html /nonexistent/traffic.html"


def test_what_a_timer_renews_is_not_recorded_each_time(chainsaw, records):
    """Its own lines in the journal are once for each change."""
    chainsaw("cert", "renew", "--changes")
    assert records() == []
    chainsaw("cert", "renew")
    assert [record["CHAINSAW_COMMAND"] for record in records()] == ["chainsaw cert renew"]


def test_doctor_is_recorded_only_with_fix(chainsaw, records, monkeypatch):
    monkeypatch.setattr(facts, "is_root", lambda: False)
    chainsaw("doctor")
    assert records() == []
    chainsaw("doctor", "--fix")
    assert [record["CHAINSAW_COMMAND"] for record in records()] == ["chainsaw doctor --fix"]
    chainsaw("doctor", "--fix", "--explain")
    assert records() == []


def test_what_is_completed_is_not_recorded(chainsaw, records, monkeypatch):
    monkeypatch.setenv("_CHAINSAW_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "chainsaw remove blog --p")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert chainsaw().out == "plain,--purge\n"
    assert records() == []


# Hidden values

VALUE = "5f0c-tiger"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("config", "set", "www", "generator", VALUE), "chainsaw config set"),
        (
            ("config", "set", "www", "route", f"https://{VALUE}.example.org/"),
            "chainsaw config set www route (not shown)",
        ),
        (
            ("config", "set", "--site", "admin.email", f"{VALUE}@example.org"),
            "chainsaw config set admin.email (not shown) --site",
        ),
        (("config", "set", "www", "--", VALUE), "chainsaw config set"),
        (("config", "set", "generator", VALUE, "www"), "chainsaw config set"),
        (("config", "set", "www", "generator", VALUE, "--nonsense"), "chainsaw config set"),
        (("config", "set", "www", "generator", VALUE, "more"), "chainsaw config set"),
        (
            ("new", "static", "web", "--set", f"generator={VALUE}"),
            "chainsaw new static web --set generator=(not shown)",
        ),
        (
            ("new", "static", "web", "--route", f"https://kim:{VALUE}@web.example.org/?t={VALUE}"),
            "chainsaw new static web --route https://(not shown)@web.example.org/?(not shown)",
        ),
        (
            ("clone", "www", "web", "--route", f"https://kim:{VALUE}@web.example.org/"),
            "chainsaw clone www web --route https://(not shown)@web.example.org/",
        ),
        (("new", "static", "web", "--set", VALUE), "chainsaw new static web --set (not shown)"),
        (("new", "static", "--set", f"generator={VALUE}"), "chainsaw new"),
        (("secret", "set", "smtp_password", VALUE), "chainsaw secret set"),
        (("secret", "set", VALUE), "chainsaw secret set"),
        (("secret", "rotate", VALUE, "www"), "chainsaw secret rotate"),
        (("remove", "www", f"--token={VALUE}"), "chainsaw remove"),
        (
            ("source", "add", "club", f"https://kim:{VALUE}@127.0.0.1:9/x.git?t={VALUE}"),
            "chainsaw source add club https://(not shown)@127.0.0.1:9/x.git?(not shown)",
        ),
    ],
)
def test_no_value_of_a_setting_and_no_secret_is_recorded(chainsaw, records, instance, monkeypatch, words, shown):
    monkeypatch.setattr("sys.stdin", io.StringIO(VALUE))
    instance("www", "recipe: static\nroute: https://www.example.org/\n")
    chainsaw(*words)
    (record,) = records()
    assert VALUE not in str(record)
    assert record["CHAINSAW_COMMAND"].replace("'", "") == shown


def test_a_secret_from_standard_input_is_not_recorded(chainsaw, records, monkeypatch, tmp_path):
    (tmp_path / "typed").write_text(VALUE)
    with open(tmp_path / "typed") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        chainsaw("secret", "set", "smtp_password")
        assert stream.read() == "", "the secret was read"
    (record,) = records()
    assert VALUE not in str(record)


RECORDED = {
    "source add": {"name", "url", "--key"},
    "source update": {"names"},
    "source remove": {"name"},
    "install": {"recipe"},
    "new": {"recipe", "name", "--route"},
    "clone": {"name", "new", "--route", "-m"},
    "apply": {"names", "-m"},
    "config set": {"words"},
    "config unset": {"words"},
    "config edit": {"words"},
    "secret set": {"key"},
    "secret rotate": {"name", "key"},
    "rename": {"name", "new", "-m"},
    "rollback": {"name", "--to", "-m"},
    "maintenance": {"name", "switch", "-m"},
    "stop": {"name", "-m"},
    "start": {"name", "-m"},
    "restart": {"name"},
    "note": {"name", "text"},
    "remove": {"name", "-m"},
    "uninstall": {"recipe"},
    "backup make": {"names", "--to", "--encrypt"},
    "backup verify": {"backup"},
    "backup drill": {"name"},
    "restore": {"backup", "--as", "--route", "--volume", "--file", "--at", "--from"},
    "cert renew": {"hosts"},
    "cert import": {"host", "--chain", "--key"},
    "user add": {"name", "--group"},
    "user passwd": {"name"},
    "user groups": {"name", "groups"},
    "user remove": {"name"},
    "recipe test": {"directory", "--levels", "--hand-over", "--take-over"},
    "setup": {"--user", "--blocks", "--driver"},
}
"""The arguments and options that the journal may show; each new one must be decided here."""


def bearing_a_value():
    """Return every argument and option of every changing command that takes a value, with the command's words."""
    return [
        (path, item)
        for path in every_path()
        for item in command_of(path).params
        if verb_at(path).changes and not (isinstance(item, click.Option) and item.is_flag)
    ]


class Typed(str):
    """A text that could also be a file with a name, or a list of levels."""

    @property
    def name(self):
        return str(self)


def recorded(path, item):
    """Return what is recorded of the value of one argument or option."""
    context = click.Context(command_of(path), info_name="chainsaw")
    several = item.nargs != 1 or getattr(item, "multiple", False)
    context.params = {item.name: (Typed(VALUE),) if several else Typed(VALUE)}
    context.set_parameter_source(item.name, click.core.ParameterSource.COMMANDLINE)
    return list(recorded_words(context))


@pytest.mark.parametrize(
    ("path", "item"), bearing_a_value(), ids=lambda value: value if isinstance(value, str) else value.opts[0]
)
def test_a_value_is_hidden_unless_its_option_says_that_it_may_be_read(path, item):
    words = recorded(path, item)
    may_be_read = item.opts[0] in RECORDED.get(path, ())
    if may_be_read:
        assert words[-1] == (f"{VALUE[0]}-{VALUE[-1]}" if item.name == "levels" else VALUE)
    else:
        assert words[-1] == HIDDEN


def test_a_new_option_is_hidden_by_default():
    @click.command()
    @click.argument("name")
    @click.option("--token")
    @click.option("--fast", is_flag=True)
    def upload(name, token, fast):
        pass

    context = upload.make_context("upload", ["blog", "--token", VALUE, "--fast"])
    assert list(recorded_words(context)) == [HIDDEN, "--token", HIDDEN, "--fast"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [("title=A = B", f"title={HIDDEN}"), ("title=", f"title={HIDDEN}"), ("title", HIDDEN), ("", HIDDEN)],
)
def test_of_an_assignment_only_the_key_is_shown(given, shown):
    assert key_alone(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://git.example.org/x.git", "https://git.example.org/x.git"),
        ("https://kim:tiger@git.example.org/x.git", f"https://{HIDDEN}@git.example.org/x.git"),
        ("https://tiger@git.example.org/x.git", f"https://{HIDDEN}@git.example.org/x.git"),
        ("https://kim:ti@ger@git.example.org/x.git", f"https://{HIDDEN}@git.example.org/x.git"),
        ("https://git.example.org/x.git?token=tiger#tiger", f"https://git.example.org/x.git?{HIDDEN}"),
        ("git@git.example.org:x.git", "git@git.example.org:x.git"),
        ("/srv/recipes.git", "/srv/recipes.git"),
    ],
)
def test_a_url_is_shown_without_its_password(given, shown):
    assert without_password(given) == shown


def test_without_a_journal_a_command_still_works(chainsaw):
    done = chainsaw("new", "static", "www")
    assert (done.code, done.err) == (Exit.OK, "")
