"""Files are written completely or not at all, and read back as written."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from another import another_chainsaw

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import certificates, files
from chainsaw.host.lock import held_paths, locked, released
from chainsaw.host.step import Steps
from chainsaw.host.store import generations, operations, records
from chainsaw.host.store.operations import Unfinished
from chainsaw.model.artifact import Artifact, as_tree
from chainsaw.model.deployment import Manifest
from chainsaw.model.paths import Paths


@pytest.fixture
def paths(tmp_path):
    return Paths.of(str(tmp_path), {})


@pytest.fixture
def written(paths, goldens):
    """A golden case, written as the first generation and made current."""
    site = goldens["one-host"]
    manifest = site.manifest.model_copy(update={"number": 1})
    generations.write_generation(paths, manifest, site.tree)
    files.replace_link(paths.current, "1")
    return manifest


def test_a_file_is_replaced_with_its_mode_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "below" / "file"
    for content, mode in ((b"old", 0o644), (b"new", 0o600)):
        files.write_atomic(str(path), content, mode)
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content, mode)
    assert os.listdir(path.parent) == ["file"]


def test_a_mode_is_what_was_asked_for_whatever_the_umask_is(tmp_path):
    former = os.umask(0o077)
    try:
        files.write_atomic(str(tmp_path / "file"), b"", 0o644)
        files.make_directory(str(tmp_path / "directory"), 0o755)
    finally:
        os.umask(former)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "directory").stat().st_mode & 0o777 == 0o755


def test_a_file_is_created_once(tmp_path):
    path = tmp_path / "file"
    assert files.create_file(str(path), b"first", 0o600)
    assert not files.create_file(str(path), b"second", 0o600)
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_even_where_a_former_attempt_ended_early(tmp_path):
    (tmp_path / "current.partial").symlink_to("0")
    for target in ("1", "2"):
        files.replace_link(str(tmp_path / "current"), target)
    assert files.link_target(str(tmp_path / "current")) == "2"
    assert os.listdir(tmp_path) == ["current"]


def test_what_is_not_there_is_no_error_and_what_cannot_be_read_is(tmp_path):
    assert files.read_text(str(tmp_path / "none")) is None
    assert files.list_directory(str(tmp_path / "none")) == []
    assert files.link_target(str(tmp_path)) is None
    (tmp_path / "latin").write_bytes(b"\xe4")
    for place in (tmp_path, tmp_path / "latin"):
        with pytest.raises(ChainsawError) as caught:
            files.read_text(str(place))
        assert [item.code for item in caught.value.diagnostics] == ["unreadable"]


def test_a_directory_is_read_and_a_link_in_it_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(b"1")
    assert files.read_directory(str(tmp_path)) == {"a/b": b"1"}
    (tmp_path / "c").symlink_to("/etc/passwd")
    with pytest.raises(ChainsawError, match="a symbolic link"):
        files.read_directory(str(tmp_path))


def test_a_generation_reads_back_as_it_was_written(paths, written, goldens):
    assert generations.numbers(paths) == [1]
    assert generations.current_number(paths) == 1
    assert generations.read_manifest(paths, 1) == written
    assert generations.read_tree(paths, written) == goldens["one-host"].tree
    assert generations.find_drift(paths, written) == []


def test_the_generation_of_an_earlier_version_is_read(paths, written):
    """Its routes had a list of further hosts, which was always empty."""
    file = Path(f"{paths.generations}/{written.number}/manifest.json")
    content = json.loads(file.read_text())
    for item in (content["front"], *content["instances"].values()):
        item["routes"] = [{**route, "further": []} for route in item["routes"]]
    file.chmod(0o600)
    file.write_text(json.dumps(content))
    assert generations.read_manifest(paths, written.number) == written


def test_what_only_the_admin_may_read_is_closed(paths, written):
    for name in generations.PRIVATE:
        assert os.stat(f"{paths.generations}/1/{name}").st_mode & 0o777 == 0o700
    assert os.stat(f"{paths.generations}/1/manifest.json").st_mode & 0o777 == 0o600


def test_an_edited_a_missing_and_a_redirected_file_are_found(paths, written):
    root = f"{paths.generations}/1"
    edited, lost, bent = "quadlets/app@blog.container", "nginx/nginx.conf", "nginx/roots/blog"
    with open(f"{root}/{edited}", "a") as file:
        file.write("PublishPort=80\n")
    os.unlink(f"{root}/{lost}")
    files.replace_link(f"{root}/{bent}", "/etc")
    drift = {item.path: item.diff for item in generations.find_drift(paths, written)}
    assert set(drift) == {edited, lost, bent}
    assert "\n+PublishPort=80" in drift[edited]
    assert f"--- {edited} as written" in drift[edited]
    assert "\n-user www-data;" in drift[lost]


def test_a_generation_that_is_not_there_is_named_with_those_that_are(paths, written):
    with pytest.raises(ChainsawError, match="there is no generation 7; there are: 1"):
        generations.read_manifest(paths, 7)


def test_a_manifest_of_another_version_is_refused(paths, written):
    for content in (
        b'{"format": 1, "number": 1}',
        b'{"format": 2, "number": 1, "colour": "blue"}',
        b'{"number": 1}',
        b"[]",
        b"",
    ):
        files.write_atomic(f"{paths.generations}/1/manifest.json", content)
        files.remove(paths.current)
        assert refused(paths) == ("bad-manifest", f"rm -r {paths.generations}/1")
        files.replace_link(paths.current, "1")
        assert refused(paths) == ("bad-manifest", f"rm {paths.current} && chainsaw apply")
        assert generations.former_manifests(paths) == []


def refused(paths):
    """Return the code and the hint with which the manifest of generation 1 is refused."""
    with pytest.raises(ChainsawError) as caught:
        generations.read_manifest(paths, 1)
    (problem,) = caught.value.diagnostics
    return problem.code, problem.hint


def test_the_last_few_generations_are_kept_and_the_current_one_always(paths):
    for number in range(1, 14):
        generations.write_generation(paths, Manifest(number=number), {"a": Artifact("a", b"1")})
    files.replace_link(paths.current, "2")
    generations.prune_generations(paths)
    assert generations.numbers(paths) == [2, *range(4, 14)]
    generations.discard_generation(paths, 2)
    generations.discard_generation(paths, 13)
    assert generations.numbers(paths) == [2, *range(4, 13)]


def test_blocks_are_recorded_for_good(paths):
    assert records.read_blocks(paths) == {}
    records.write_block(paths, "blog", 589824)
    records.write_block(paths, "front", 524288)
    assert records.read_blocks(paths) == {"blog": 589824, "front": 524288}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 2, "block": 1}', '{"format": 1}', '{"format": 1, "block": "x"}']
)
def test_a_record_of_another_version_is_refused(paths, text):
    records.write_block(paths, "blog", 589824)
    files.write_atomic(paths.record("blog"), text.encode())
    with pytest.raises(ChainsawError) as caught:
        records.read_blocks(paths)
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.file) == ("bad-record", paths.record("blog"))


def test_the_digests_that_units_were_started_from_are_recorded(paths):
    assert records.read_applied(paths) == {}
    records.write_applied(paths, {"b.service": "2", "a.service": "1"})
    assert list(records.read_applied(paths).items()) == [("a.service", "1"), ("b.service", "2")]


def test_an_image_is_known_only_as_long_as_the_store_lists_it(paths):
    listing = f"{paths.data}/containers/storage/overlay-images/images.json"
    records.write_images(paths, {"localhost/a:1": ("/data",), "localhost/b:1": ()})
    assert records.read_images(paths) == {}
    files.write_atomic(listing, json.dumps([{"id": "1", "names": ["localhost/a:1"]}, {"id": "2"}]).encode())
    assert records.read_images(paths) == {"localhost/a:1": ("/data",)}
    files.write_atomic(listing, b"{")
    assert records.read_images(paths) == {}


def test_a_file_in_another_encoding_is_refused_with_the_place_and_the_way_out(tmp_path):
    file = tmp_path / "blog.yaml"
    file.write_bytes(b"recipe: wordpress\nsettings:\n  title: M\xfcller\n")
    with pytest.raises(ChainsawError) as caught:
        files.read_text(str(file))
    (problem,) = caught.value.diagnostics
    assert problem.location() == f"{file}:3:11"
    assert problem.message == "cannot be read: the byte 0xfc is not UTF-8"
    assert problem.hint.endswith(f"iconv -f latin1 -t utf-8 {file} > {file}.new")


def test_the_journal_shows_whether_an_apply_is_unfinished(paths):
    assert operations.unfinished(paths) == Unfinished()
    operations.write_begin(paths, 1, 0, ["wiki", "blog"])
    assert operations.unfinished(paths) == Unfinished(switch=True, instances=frozenset({"blog", "wiki"}))
    files.append_line(paths.journal, '{"event": "do')
    operations.write_switched(paths, 1)
    assert operations.unfinished(paths) == Unfinished(instances=frozenset({"blog", "wiki"}))
    operations.write_done(paths, 1, ["blog", "wiki"])
    assert operations.unfinished(paths) == Unfinished()


def test_a_command_that_ends_does_not_finish_what_another_began(paths):
    """An instance is started while another command switches, and that one is killed."""
    operations.write_begin(paths, 1, 0, ["blog"])
    operations.write_switched(paths, 1)
    operations.write_begin(paths, 2, 1, ["wiki"])
    operations.write_done(paths, 1, ["blog"])
    assert operations.unfinished(paths) == Unfinished(switch=True, instances=frozenset({"wiki"}))


def test_a_journal_of_an_earlier_chainsaw_is_understood(paths):
    operations.write_journal(paths, "begin", generation=1, former=0)
    assert operations.unfinished(paths) == Unfinished(switch=True)
    operations.write_journal(paths, "done", generation=1)
    assert operations.unfinished(paths) == Unfinished()


def test_the_journal_does_not_grow_for_ever(paths):
    lines = [json.dumps({"event": "done", "generation": number}) for number in range(1500)]
    files.write_atomic(paths.journal, "\n".join(lines).encode())
    operations.trim_journal(paths)
    kept = (files.read_text(paths.journal) or "").splitlines()
    assert (len(kept), kept[-1]) == (operations.JOURNAL_LINES, lines[-1])


def test_a_lock_is_waited_for_and_its_holder_is_named(tmp_path):
    path, reported = str(tmp_path / "state/lock"), list[str]()
    with ExitStack() as other:
        other.enter_context(another_chainsaw(path, "chainsaw apply blog"))
        with pytest.raises(ChainsawError) as caught, locked(path, "", wait=False, waiting=reported.append):
            pytest.fail("two at once")
        assert caught.value.exit is Exit.LOCKED

        def waiting(text):
            reported.append(text)
            other.close()

        with locked(path, "chainsaw plan", wait=True, waiting=waiting):
            assert held_paths() == {path}
    assert len(reported) == 1
    assert reported[0].startswith(f"waiting for another chainsaw: chainsaw apply blog (process {os.getpid()}, since ")


def test_a_lock_is_given_to_others_for_a_while(tmp_path):
    path, reported = str(tmp_path / "lock"), list[str]()
    with ExitStack() as other, locked(path, "chainsaw apply blog", wait=True, waiting=pytest.fail):

        def waiting(text):
            reported.append(text.partition(" (process")[0])
            other.close()

        with released(path, waiting):
            assert held_paths() == frozenset()
            other.enter_context(another_chainsaw(path, "chainsaw apply wiki"))
        assert held_paths() == {path}
        assert '"chainsaw apply blog"' in (files.read_text(path) or "")
    assert reported == ["waiting for another chainsaw: chainsaw apply wiki"]


def test_a_lock_that_an_outer_command_holds_is_not_given_away(tmp_path):
    path = str(tmp_path / "lock")
    with (
        locked(path, "chainsaw rename", wait=True, waiting=pytest.fail),
        locked(path, "chainsaw apply", wait=True, waiting=pytest.fail),
        released(path, pytest.fail),
    ):
        assert held_paths() == {path}
    with released(path, pytest.fail):
        assert held_paths() == frozenset()


def test_a_lock_of_a_dead_process_does_not_block(tmp_path):
    path = tmp_path / "lock"
    path.write_text('{"pid": 1, "command": "chainsaw apply", "since": "00:00:00"}')
    with locked(str(path), "chainsaw apply", wait=False, waiting=pytest.fail):
        pass


@pytest.mark.parametrize(("fault", "done"), [("error:2", ["a"]), ("error:2+", ["a", "b"]), ("", ["a", "b", "c"])])
def test_a_fault_strikes_before_or_after_a_step(fault, done):
    steps, effects = Steps(fault), []
    try:
        for name in "abc":
            with steps.step(name):
                effects.append(name)
    except OSError as error:
        assert str(error) == "fault injected at step 2: b"
    assert effects == done


def test_a_certificate_is_signed_by_the_local_authority_for_its_host(tmp_path):
    from cryptography import x509

    directory = str(tmp_path)
    certificates.make_authority(directory, "server")
    first = (tmp_path / "ca.pem").read_bytes()
    certificates.make_authority(directory, "server")
    assert (tmp_path / "ca.pem").read_bytes() == first
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    long = ".".join(["a" * 60, "b" * 60, "example"])
    for host in ("blog.example.org", long):
        issued = certificates.issue(directory, host)
        leaf, authority = x509.load_pem_x509_certificates(issued.chain)
        leaf.verify_directly_issued_by(authority)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [host]
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 398
        assert b"PRIVATE KEY" in issued.key
        assert b"PRIVATE KEY" not in issued.chain


def test_a_certificate_is_renewed_in_the_last_third_of_its_life(tmp_path):
    directory, file = str(tmp_path), str(tmp_path / "issued/blog.example.org.json")
    assert certificates.read_record(file) is None
    certificates.make_authority(directory, "server")
    issued = certificates.issue(directory, "blog.example.org")
    certificates.write_record(file, certificates.record_of(issued.chain, "blog.example.org", "local"))
    record = certificates.read_record(file)
    assert (record.issuer, record.names, record.source) == ("local", ("blog.example.org",), "")
    now, third = time.time(), certificates.LEAF_DAYS * 86400 / 3
    assert abs(record.not_after - now - certificates.LEAF_DAYS * 86400) < 60
    assert record.is_fresh(now)
    assert record.is_fresh(record.not_after - third - 7200)
    assert not record.is_fresh(record.not_after - third + 7200)
    assert not record.is_fresh(record.not_before - 3 * 86400), "by a clock that is wrong"


def test_no_certificate_outlives_the_authority_that_signed_it(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "AUTHORITY_DAYS", 100)
    certificates.make_authority(str(tmp_path), "server")
    end = certificates.authority_end(str(tmp_path))
    assert end is not None
    assert abs(end - time.time() - 100 * 86400) < 60
    issued = certificates.issue(str(tmp_path), "blog.example.org")
    assert certificates.record_of(issued.chain, "blog.example.org", "local").not_after == end
    (tmp_path / "ca.pem").unlink()
    monkeypatch.setattr(certificates, "AUTHORITY_DAYS", 0)
    certificates.make_authority(str(tmp_path), "server")
    with pytest.raises(ChainsawError, match="authority ended on 20") as caught:
        certificates.issue(str(tmp_path), "blog.example.org")
    assert caught.value.diagnostics[0].hint.startswith(f"rm -r {tmp_path}; chainsaw cert renew")
    (tmp_path / "ca.pem").write_text("nonsense")
    assert certificates.authority_end(str(tmp_path)) is None


def test_a_record_of_an_earlier_version_is_read(tmp_path):
    file = str(tmp_path / "blog.example.org.json")
    until = datetime.now(UTC) + timedelta(days=200)
    content = {"format": 1, "host": "blog.example.org", "not_after": until.isoformat()}
    files.write_atomic(file, json.dumps(content).encode())
    record = certificates.read_record(file)
    assert (record.host, record.issuer, record.serial) == ("blog.example.org", "local", "")
    assert record.not_after == until.timestamp()
    for text in ("", "{}", "[]", '{"format": 1}', '{"format": 1, "host": "a", "not_after": 5}', '{"format": 9}', "{"):
        files.write_atomic(file, text.encode())
        assert certificates.read_record(file) is None


def test_a_tree_is_written_with_its_modes_and_links(tmp_path):
    tree = {"a": Artifact("a", b"1", mode=0o755), "b/c": Artifact("b/c", b"/srv", link=True)}
    files.write_tree(str(tmp_path / "out"), tree, ["b"])
    assert (tmp_path / "out/a").stat().st_mode & 0o777 == 0o755
    assert os.readlink(tmp_path / "out/b/c") == "/srv"
    assert (tmp_path / "out/b").stat().st_mode & 0o777 == 0o700


def test_the_digest_of_a_directory_depends_on_content_alone(tmp_path):
    assert files.content_digests(str(tmp_path / "none")) is None
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(b"1")
    (tmp_path / "c").symlink_to("a/b")
    before = files.content_digests(str(tmp_path))
    assert before is not None
    assert sorted(before) == ["a/b", "c"]
    os.utime(tmp_path / "a/b", (0, 0))
    assert files.content_digests(str(tmp_path)) == before
    (tmp_path / "a/b").write_bytes(b"2")
    assert files.content_digests(str(tmp_path)) != before


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", ".git/hooks/x"])
def test_no_tree_is_written_outside_its_directory(tmp_path, path):
    with pytest.raises(ValueError, match=r"directory|\.git"):
        files.write_tree(str(tmp_path / "tree"), as_tree([Artifact(path, b"x")]))
    assert os.listdir(tmp_path) == []
