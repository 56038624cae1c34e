"""What restic says, as values, and what follows where it fails or does not do what it says; recorded with 0.18.0."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest

from chainsaw.errors import ChainsawError
from chainsaw.host import process, watched
from chainsaw.host.restic import answers, enclosure
from chainsaw.host.restic.call import Restic
from chainsaw.host.restic.repository import Repository

ID, OTHER = "2e871b52b32978bdc0e3909ef3427c1e5637e1ac895c4f9d97b11bd2faf51429", "9" * 64
STATUS = (
    '{"message_type":"status","percent_done":0.25,"total_files":403,"files_done":101,"total_bytes":90100001,'
    '"bytes_done":22600000,"current_files":["/volumes/data/d3/f388"]}\n'
)
SUMMARY = (
    '{"message_type":"summary","files_new":2,"data_added":40867934,"data_added_packed":40059923,'
    f'"total_files_processed":2,"total_bytes_processed":3,"total_duration":0.9,"snapshot_id":"{ID}"}}\n'
)
EMPTY = SUMMARY.replace('processed":2', 'processed":0').replace('processed":3', 'processed":0')
UNREAD = (
    '{"message_type":"error","error":{"message":"open /volumes/data/secret: permission denied"},"during":"archival",'
    '"item":"/volumes/data/secret"}\n'
)
GONE = (
    '{"message_type":"error","error":{"message":"lstat /volumes/data/x: no such file or directory"},'
    '"during":"archival","item":"/volumes/data/x"}\n'
)
NO_DATA = (
    '{"message_type":"error","error":{"message":"failed to save /dump: read /dump: no data read"},"during":"archival",'
    '"item":"/dump"}\n'
)
PARTLY = '{"message_type":"exit_error","code":3,"message":"Warning: at least one source file could not be read"}\n'
FAILED = (
    "subprocess sh: the server is gone\n"
    '{"message_type":"error","error":{"message":"failed to save /x: Fatal: exit status 3"},"item":"/x"}\n'
    '{"message_type":"exit_error","code":1,"message":"Fatal: unable to save snapshot: command failed"}\n'
)
NONE = (
    '{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist: unable to open config file"}\n'
)
LOCKED = '{"message_type":"exit_error","code":11,"message":"repository is already locked by PID 706 on h2 by admin"}\n'
WRONG = '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password or no key found"}\n'
BROKEN = (
    '{"message_type":"error","message":"pack 5f1f6ec6 contains 2 errors: [blob 39c7e51a: verification failed]\\n"}\n'
    '{"message_type":"error","message":"\\nThe repository contains damaged pack files.\\n\\n"}\n'
    '{"message_type":"exit_error","code":1,"message":"Fatal: repository contains errors"}\n'
)
SOUND = '{"message_type":"summary","num_errors":0,"broken_packs":null,"suggest_repair_index":false}\n'
SNAPSHOT = {
    "time": "2026-12-01T04:28:20.159603661+01:00",
    "paths": ["/volumes/data"],
    "hostname": "site",
    "tags": ["chainsaw", "instance=blog"],
    "summary": {"total_bytes_processed": 90100001},
}


def node(path, kind="file", **fields):
    times = {"mtime": "2026-12-01T03:28:20.004512984Z", "ctime": "2026-12-01T03:28:20.107597824Z"}
    known = {"name": path.rpartition("/")[2], "type": kind, "path": path, "uid": 33, "gid": 34, "mode": 384, **times}
    return json.dumps({**known, "inode": 7, "message_type": "node", "struct_type": "node", **fields}) + "\n"


def listing(*nodes):
    first = {**SNAPSHOT, "id": ID, "message_type": "snapshot", "struct_type": "snapshot"}
    return "".join([json.dumps(first) + "\n", *nodes])


def known(*ids):
    return json.dumps([{**SNAPSHOT, "id": item} for item in ids]) + "\n"


TREE = listing(
    node("/volumes", "dir", uid=65536), node("/volumes/data", "dir"), node("/volumes/data/a"), node("/volumes/data/b")
)
PROGRAM = """#!{python}
import json, os, sys
words = [word for word in sys.argv[1:] if word[0] != "-"]
with open("{top}/calls", "a") as calls:
    calls.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
with open("{top}/said.json") as file:
    said = json.load(file)
answers = said[words[0]]
code, out, err = answers.pop(0) if len(answers) > 1 else answers[0]
with open("{top}/said.json", "w") as file:
    json.dump(said, file)
if "--stdin" in sys.argv:
    sys.stdin.read()
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Stage:
    """A repository whose restic answers what a test says."""

    def __init__(self, top):
        self.top = top
        self.password = top / "password"
        self.password.touch(0o600)
        self.volume = top / "data"
        self.volume.mkdir()
        (top / "restic").write_text(PROGRAM.format(python=sys.executable, top=top))
        (top / "restic").chmod(0o755)
        secrets = {"RESTIC_REST_PASSWORD": "horse"}
        restic = Restic("rest:https://kim:horse@backup.example/blog/", str(self.password), secrets, str(top / "cache"))
        self.repository = Repository(restic, "site")

    def says(self, **said):
        """Let commands end with a code and print lines to both streams; one that is given twice, in that order."""
        given = {name: value if isinstance(value, list) else [value] for name, value in said.items()}
        (self.top / "said.json").write_text(json.dumps(given))

    def calls(self):
        lines = (self.top / "calls").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def called(self):
        return [next(word for word in argv if word[0] != "-") for argv, _ in self.calls()]

    def save(self):
        # Only in a namespace there may be mounts, so this restic sees what it is told to see.
        return self.repository.save_trees({"data": str(self.volume)}, ["env"], ["instance=blog"])


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "cat /etc/shadow")
    monkeypatch.setattr(Restic, "showing", lambda self, trees, copies: ["env"])
    monkeypatch.setattr("chainsaw.host.restic.call.LIMITS", ())
    return Stage(tmp_path)


def problem(call, *arguments):
    with pytest.raises(ChainsawError) as caught:
        call(*arguments)
    (found,) = caught.value.diagnostics
    return found


def test_a_secret_is_in_the_environment_alone(stage):
    stage.says(snapshots=(0, known(), ""))
    assert stage.repository.snapshots(["instance=blog"]) == []
    ((argv, environment),) = stage.calls()
    assert argv == ["--json", "--retry-lock=300s", "snapshots", "--host=site", "--tag=chainsaw,instance=blog"]
    assert environment["RESTIC_REPOSITORY"] == "rest:https://kim:horse@backup.example/blog/"
    assert environment["RESTIC_PASSWORD_FILE"] == str(stage.password)
    assert environment["RESTIC_REST_PASSWORD"] == "horse"
    assert "RESTIC_PASSWORD_COMMAND" not in environment
    assert "horse" not in repr(stage.repository)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/srv/backup", "/srv/backup"),
        ("sftp:kim@host:/srv/b@ckup", "sftp:kim@host:/srv/b@ckup"),
        ("sftp://kim@host:2222//srv", "sftp://host:2222//srv"),
        ("rest:https://kim:horse@host:8000/x/", "rest:https://host:8000/x/"),
        ("s3:https://host/bucket", "s3:https://host/bucket"),
    ],
)
def test_a_place_is_shown_without_a_password(location, shown):
    assert Restic(location, "", {}, "").shown == shown


@pytest.mark.parametrize(
    ("code", "said", "expected", "message"),
    [
        (10, NONE, "no-repository", "there is no repository: Fatal: repository does not exist"),
        (11, LOCKED, "repository-locked", "locked by PID 706"),
        (12, WRONG, "repository-password", "the password is wrong"),
        (1, FAILED, "repository", "restic ended with 1: subprocess sh: the server is gone\nfailed to save /x"),
        (77, "panic", "repository", "restic ended with 77: panic"),
    ],
)
def test_an_exit_code_is_an_error_that_says_what_to_do(stage, code, said, expected, message):
    stage.says(snapshots=(code, "", said))
    found = problem(stage.repository.snapshots)
    assert found.code == expected
    assert message in found.message
    assert found.file == "rest:https://backup.example/blog/"
    assert "horse" not in found.render()
    assert found.hint or expected == "repository"


def test_a_password_that_others_can_read_is_refused(stage):
    stage.password.chmod(0o640)
    assert problem(stage.repository.exists).code == "password-file"
    stage.password.unlink()
    assert "cannot be read" in problem(stage.repository.exists).message


def test_a_place_without_a_repository_is_no_failure(stage):
    stage.says(cat=(10, "", NONE))
    assert not stage.repository.exists()
    stage.says(cat=(0, "{}", ""))
    assert stage.repository.exists()
    stage.says(cat=(12, "", WRONG))
    assert problem(stage.repository.exists).code == "repository-password"


def test_a_directory_in_other_use_is_not_taken(stage, tmp_path):
    place = tmp_path / "home"
    place.mkdir(0o755)
    (place / "diary").touch()
    local = Repository(Restic(str(place), str(stage.password), {}, str(tmp_path / "cache")), "site")
    assert problem(local.init).code == "not-empty"
    assert place.stat().st_mode & 0o777 == 0o755
    (place / "diary").unlink()
    stage.says(init=(0, "", ""))
    local.init()
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_remote_directory_is_made_before_restic_makes_it_for_all(stage, monkeypatch):
    given = []
    monkeypatch.setattr(process, "run", lambda argv, stdin: given.append((argv, stdin)))
    stage.says(init=(0, "", ""))
    for location, host in (("sftp:kim@host:a b", "kim@host"), ("sftp://kim@host:2222//srv/x", "sftp://kim@host:2222")):
        Repository(Restic(location, str(stage.password), {}, str(stage.top)), "site").init()
        assert given[-1][0] == ["sftp", "-b", "-", host]
    assert [stdin for _, stdin in given] == [
        b'-mkdir "a b"\nchmod 700 "a b"\n',
        b'-mkdir "/srv/x"\nchmod 700 "/srv/x"\n',
    ]


def test_a_snapshot_is_proven_by_its_listing(stage):
    stage.says(backup=(0, STATUS + SUMMARY, ""), ls=(0, TREE, ""))
    assert stage.save() == answers.Saved(ID, 2, 3, 40059923)
    argv, _ = stage.calls()[0]
    assert argv[3:] == ["--host=site", "--group-by=host,tags", "--tag=chainsaw", "--tag=instance=blog", "/volumes/data"]


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (listing(node("/volumes/other/a"), node("/volumes/other/b")), "without /volumes/data"),
        (listing(node("/volumes/data", "dir"), node("/volumes/data/a")), "with 1 of 2 files"),
    ],
)
def test_a_snapshot_that_is_not_whole_is_removed(stage, listed, message):
    stage.says(
        backup=(0, SUMMARY, ""), ls=(0, listed, ""), snapshots=[(0, known(ID, OTHER), ""), (0, known(OTHER), "")],
        forget=(0, "", ""), unlock=(0, "", ""),
    )  # fmt: skip
    found = problem(stage.save)
    assert found.code == "not-saved"
    assert message in found.message
    assert [argv[-1] for argv, _ in stage.calls() if "forget" in argv] == [ID]


def test_a_backup_that_makes_no_snapshot_is_none(stage):
    stage.says(backup=(0, "", "/volumes/data does not exist, skipping\n"))
    assert problem(stage.save).code == "not-saved"


def test_a_volume_that_is_not_there_is_found_before(stage):
    stage.volume.rmdir()
    found = problem(stage.save)
    assert (found.code, found.file) == ("no-data", str(stage.volume))
    assert not (stage.top / "calls").exists()


def test_what_cannot_be_read_is_an_error_and_what_has_vanished_is_none(stage):
    stage.says(backup=(3, SUMMARY, GONE + PARTLY), ls=(0, TREE, ""))
    assert stage.save().vanished == ("/volumes/data/x",)
    stage.says(
        backup=(3, SUMMARY, GONE + UNREAD + PARTLY), snapshots=[(0, known(ID), ""), (0, known(), "")],
        forget=(0, "", ""), unlock=(0, "", ""),
    )  # fmt: skip
    assert "/volumes/data/secret: permission denied" in problem(stage.save).message
    assert stage.called()[-4:] == ["snapshots", "unlock", "forget", "snapshots"]


def test_an_output_that_is_empty_is_an_error_and_no_snapshot(stage):
    stage.says(
        backup=(3, EMPTY, NO_DATA + PARTLY), snapshots=[(0, known(ID), ""), (0, known(), "")],
        forget=(0, "", ""), unlock=(0, "", ""),
    )  # fmt: skip
    found = problem(stage.repository.save_stream, "dump", [], [])
    assert (found.code, "no data read" in found.message) == ("empty-output", True)
    assert "forget" in stage.called()


def test_that_nothing_was_removed_is_found_out(stage):
    stage.says(
        snapshots=(0, known(ID, OTHER), ""), forget=(0, "", ""), unlock=(0, "successfully removed 1 locks\n", "")
    )
    found = problem(stage.repository.forget, [ID])
    assert (found.code, ID in found.message) == ("not-forgotten", True)


def test_what_is_not_this_sites_is_not_removed(stage):
    stage.says(snapshots=(0, known(ID), ""))
    stage.repository.forget([OTHER])
    assert stage.called() == ["snapshots"]


def test_damage_is_named_without_restics_advice(stage):
    stage.says(check=(1, SOUND, BROKEN))
    found = problem(stage.repository.check, 2, 28)
    assert (found.code, found.message) == (
        "repository-damaged",
        "pack 5f1f6ec6 contains 2 errors: [blob 39c7e51a: verification failed]",
    )
    assert "--read-data-subset=2/28" in stage.calls()[0][0]
    stage.says(check=(0, SOUND, ""))
    stage.repository.check()
    stage.says(check=(0, "", ""))
    assert "did not say" in problem(stage.repository.check).message


def test_a_file_that_is_not_whole_is_an_error_at_its_end(stage):
    stage.says(dump=(1, "half", '{"message_type":"exit_error","code":1,"message":"Fatal: ciphertext"}\n'))
    with pytest.raises(ChainsawError, match="ciphertext"), stage.repository.read(ID, "/dump") as stream:
        assert stream.read() == b"half"


def test_a_comma_would_be_two_tags(stage):
    with pytest.raises(ValueError, match="no tags"):
        stage.repository.snapshots(["a,b"])


def test_a_file_is_in_no_directory(stage):
    """restic 0.18 would say that there is no such directory, after the command has run."""
    with pytest.raises(ValueError, match="no name of a file"):
        stage.repository.save_stream("dumps/db", [b"x"], [])


def test_snapshots_are_in_the_order_of_their_time():
    earlier = {**SNAPSHOT, "id": OTHER, "time": "2026-12-01T03:28:20.159603660Z", "tags": None, "summary": None}
    first, second = answers.snapshots(json.dumps([{**SNAPSHOT, "id": ID}, earlier]))
    assert (first.id, first.tags, first.size) == (OTHER, (), 0)
    assert (second.site, second.paths, second.size) == ("site", ("/volumes/data",), 90100001)
    assert second.time == first.time + 1
    with pytest.raises(ValueError, match="no list"):
        answers.snapshots("{}")


def test_a_line_of_a_listing():
    known = answers.node(node("/volumes/data/d0", "dir", mode=2147484096 | 1 << 22 | 1 << 20))
    assert known == answers.Node(
        "/volumes/data/d0", "directory", 0o3700, 33, 34, 1796095700004512984, 1796095700107597824, 0, 7
    )
    assert answers.node(TREE.splitlines()[0]) is None
    assert answers.node("Load(<snapshot/c1604d27f9>, 0, 0) failed") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00.5+01:00", 500_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2026-12-01T03:28:20-05:30", 1796115500 * 10**9),
    ],
)
def test_a_moment_keeps_its_nanoseconds(text, expected):
    assert answers.nanoseconds(text) == expected


def test_what_is_no_moment_is_refused():
    with pytest.raises(ValueError, match="no time"):
        answers.nanoseconds("yesterday")


def test_progress_and_links():
    assert answers.progress(STATUS) == answers.Progress(0.25, 101, 22600000)
    assert answers.progress(SUMMARY) is None
    tree = {"nodes": [{"name": "sym", "linktarget": "/etc/passwd"}, {"name": "a", "content": None}]}
    assert answers.targets(json.dumps(tree)) == {"sym": "/etc/passwd"}


def test_what_cannot_be_shown_is_named(capsys):
    """Without a namespace of its own nothing may be mounted."""
    assert enclosure.main(["/nonexistent", "admin", "--", "true"]) == 1
    assert "/nonexistent" in capsys.readouterr().err


def waiting(code, patience=0.5):
    return watched.Program([sys.executable, "-c", code], dict(os.environ), patience)


def test_a_program_that_makes_no_progress_is_ended():
    began = time.monotonic()
    found = problem(waiting("import time; print('x', flush=True); time.sleep(60)").follow, lambda line: None)
    assert (found.code, found.message.endswith("and was ended")) == ("stalled", True)
    assert time.monotonic() - began < 20


def test_a_program_that_goes_on_is_not():
    code = "import time, os\nfor _ in range(20):\n    time.sleep(0.1); open('/dev/null', 'wb').write(b'x' * 9000)\n"
    assert waiting(code, 1).follow(lambda line: None).code == 0


def test_what_it_prints_of_itself_is_no_progress():
    code = "import time\nwhile True:\n    time.sleep(0.05); print('waiting ' * 1000, flush=True)\n"
    assert problem(waiting(code).follow, lambda line: None).code == "stalled"


def test_what_it_has_started_ends_with_it(tmp_path):
    code = f"import subprocess, time; subprocess.Popen(['sh', '-c', 'sleep 3; touch {tmp_path}/late']); time.sleep(60)"
    problem(waiting(code).follow, lambda line: None)
    time.sleep(4)
    assert not (tmp_path / "late").exists()


def test_pieces_whose_making_fails_are_not_taken_for_whole(tmp_path):
    def breaking():
        yield b"half"
        raise OSError("broke off")

    code = f"import sys; sys.stdin.read(); open('{tmp_path}/whole', 'w')"
    with pytest.raises(OSError, match="broke off"):
        waiting(code, 60).feed(breaking())
    assert not (tmp_path / "whole").exists()
    assert waiting("import sys; print(len(sys.stdin.read()))", 60).feed([b"a"] * 3).text == "3"


def test_who_stops_reading_ends_the_program():
    began = time.monotonic()
    judged: list[process.Outcome] = []
    with waiting("while True: print('x' * 1000)", 60).drawn(judged.append) as stream:
        assert stream.read(3) == b"xxx"
    assert time.monotonic() - began < 15
    assert judged == []
