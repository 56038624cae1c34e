"""The parts of the ACME client that need no authority: texts, times, files, keys, chains and scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainsaw.host import certificates
from chainsaw.host.acme import chain, retry
from chainsaw.host.acme.account import Authority, adopt_former, place_of
from chainsaw.host.acme.attempt import Setup, _chosen
from chainsaw.host.acme.challenge import STALE_SECONDS, WELL_KNOWN, HttpChallenger
from chainsaw.host.acme.dns import DnsChallenger, DnsHook, read_credentials, record_of, script_of
from chainsaw.host.acme.failure import LONGEST_TEXT, AcmeError, kind_of, of_problem, plain
from chainsaw.host.acme.pending import FileKeeper, Pending
from chainsaw.host.acme.polling import Deadline
from chainsaw.host.acme.session import Clock
from chainsaw.host.dns import Allowed
from chainsaw.model.directories import STAGING
from chainsaw.model.renewal import LONGEST_WAIT, Failure, Kind, Ledger, Said
from chainsaw.model.tls import LETSENCRYPT
from chainsaw.work.certificates import reach

TOKEN = "A" * 43


@given(st.text(max_size=3000), st.integers(1, 500))
def test_text_from_outside_is_one_line_of_a_bounded_length_that_can_be_shown(text, longest):
    shown = plain(text, longest)
    assert len(shown) <= longest
    assert shown == " ".join(shown.split())
    assert shown.isprintable()


def test_text_from_outside_keeps_its_words():
    assert plain("a\tb\r\nc\x1b[31m d\u202ee\u200b") == "a b c [31m de"
    assert plain("x" * 900) == "x" * (LONGEST_TEXT - 1) + "…"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("caa", 403, Kind.CAA),
        ("dns", 400, Kind.DNS),
        ("tls", 400, Kind.CONNECTION),
        ("rateLimited", 429, Kind.RATE_LIMITED),
        ("", 429, Kind.RATE_LIMITED),
        ("odd", 429, Kind.RATE_LIMITED),
        ("", 500, Kind.SERVER),
        ("", 0, Kind.SERVER),
        ("rejectedIdentifier", 403, Kind.REFUSED),
        ("alreadyReplaced", 409, Kind.REFUSED),
        ("externalAccountRequired", 403, Kind.SETTINGS),
    ],
)
def test_the_kind_of_an_error_is_by_its_type_and_then_by_the_status(code, status, kind):
    assert kind_of(code, status) == kind


def problem(typ="", detail="", name="", *below):
    identifier = SimpleNamespace(value=name) if name else None
    return SimpleNamespace(typ=typ, detail=detail, title="", identifier=identifier, subproblems=below)


def test_what_an_authority_says_is_told_by_name():
    prefix = "urn:ietf:params:acme:error:"
    told = problem(
        f"{prefix}compound",
        "",
        "",
        problem(f"{prefix}caa", "forbidden", "a.example"),
        problem(f"{prefix}dns", "SERV\x07FAIL", "b.example"),
    )
    error = of_problem(told, 403, 60.0)
    assert error.said == (
        Said(text="forbidden (caa)", identifier="a.example"),
        Said(text="SERV FAIL (dns)", identifier="b.example"),
    )
    assert [item.code for item in error.diagnostics] == ["acme-refused"] * 2
    failure = error.failure(1000.0, "https://ca.example/dir")
    assert failure == Failure(
        at=1000.0, directory="https://ca.example/dir", kind=Kind.REFUSED, said=error.said, wait_until=1060.0
    )
    assert failure.text == "a.example: forbidden (caa); b.example: SERV FAIL (dns)"
    assert of_problem(problem("about:blank"), 500, None).said[0].text == "no reason was given (blank)"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "9" * 400}, LONGEST_WAIT),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 01:00:00 GMT"}, 3600),
        ({"Retry-After": "Thu, 01 Jan 1970 01:00:00 GMT", "Date": "Thu, 01 Jan 1970 00:59:00 GMT"}, 60),
        ({"Retry-After": "Thu, 01 Jan 1970 01:00:00 GMT", "Date": "Thu, 01 Jan 1970 02:00:00 GMT"}, 0),
        ({"Retry-After": "Thu, 01 Jan 2970 01:00:00 GMT"}, LONGEST_WAIT),
        ({"Retry-After": "Thu, 99 Jan 1970 01:00:00 GMT"}, None),
    ],
)
def test_how_long_to_wait_is_said_in_seconds_or_as_a_date_by_the_authoritys_clock(headers, wait):
    assert retry.wait_of(headers, 0.0) == wait


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_breaks_the_times(value, date):
    wait = retry.wait_of({"Retry-After": value, "Date": date}, 0.0)
    assert wait is None or 0 <= wait <= LONGEST_WAIT


def test_a_token_is_served_while_it_is_looked_for(tmp_path):
    way = HttpChallenger(str(tmp_path))
    served = tmp_path / WELL_KNOWN
    way.present("a.example", TOKEN, f"{TOKEN}.thumb")
    assert (served / TOKEN).read_text() == f"{TOKEN}.thumb"
    assert (served / TOKEN).stat().st_mode & 0o777 == 0o644
    way.remove("a.example", TOKEN, "")
    way.remove("a.example", TOKEN, "")
    assert list(served.iterdir()) == []


@given(st.text(max_size=40))
def test_whatever_a_token_is_it_stays_in_its_directory(token):
    way = HttpChallenger("/nowhere")
    try:
        path = way._path(token)
    except AcmeError as error:
        assert error.kind == Kind.SERVER
    else:
        assert os.path.normpath(path) == f"/nowhere/{WELL_KNOWN}/{token}"


@pytest.mark.parametrize("token", ["", "../../../../etc/passwd", "a/" * 20, TOKEN + "\n", TOKEN + ".", "ä" * 20])
def test_tokens_that_lead_elsewhere_are_refused(tmp_path, token):
    with pytest.raises(AcmeError):
        HttpChallenger(str(tmp_path)).present("a.example", token, "x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_behind_is_cleared(tmp_path):
    way, served = HttpChallenger(str(tmp_path)), tmp_path / WELL_KNOWN
    served.mkdir(parents=True)
    for name, age in (("old" * 10, STALE_SECONDS + 60), ("new" * 10, 60)):
        (served / name).write_text("x")
        then = datetime.now(UTC).timestamp() - age
        os.utime(served / name, (then, then))
    way.present("a.example", TOKEN, "x")
    assert sorted(file.name for file in served.iterdir()) == sorted([TOKEN, "new" * 10])


def pending(**more):
    key = chain.new_key().decode()
    return Pending(
        url="https://ca.example/o/1",
        directory="https://ca.example/dir",
        names=("a.example",),
        since=1.0,
        key=key,
        **more,
    )


def test_an_open_order_is_kept_for_the_admin_alone(tmp_path):
    keeper = FileKeeper(str(tmp_path / "a/pending.json"))
    assert keeper.read() is None
    order = pending(profile="short")
    keeper.keep(order)
    assert keeper.read() == order
    assert (tmp_path / "a/pending.json").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in repr(order)
    assert "PRIVATE" not in order.for_ledger().model_dump_json()
    assert order.for_ledger().key == chain.fingerprint(order.key.encode())
    for text in ("", "{}", '{"format": 2}', "["):
        (tmp_path / "a/pending.json").write_text(text)
        assert keeper.read() is None
    keeper.clear()
    assert keeper.read() is None


def test_where_accounts_are_kept_stays_for_ever():
    place = place_of("/accounts", LETSENCRYPT)
    assert place.path == "/accounts/acme-v02.api.letsencrypt.org-5e76d31517ec"
    bound = place_of("/accounts", LETSENCRYPT, "kid-1")
    assert bound.path == "/accounts/acme-v02.api.letsencrypt.org-5e76d31517ec-external-db26d710b41e"


def test_an_account_of_an_earlier_version_is_used_on_and_one_that_is_not_bound_is_not(tmp_path):
    accounts, bound = str(tmp_path), Authority(LETSENCRYPT, "", "", "kid-1", "aGtleQ")
    former, record = place_of(accounts, LETSENCRYPT), '{"format": 1, "uri": "https://ca.example/1"}'
    Path(former.path).mkdir()
    Path(former.key).write_text("a key")
    Path(former.record).write_text(record)
    place = adopt_former(accounts, bound)
    assert (Path(place.key).read_text(), Path(place.record).read_text()) == ("a key", record)
    assert place == adopt_former(accounts, bound) != former
    Path(former.record).write_text('{"format": 1, "external": ""}')
    other = adopt_former(accounts, Authority(LETSENCRYPT, "", "", "kid-2", "aGtleQ"))
    assert not Path(other.key).exists()


def test_each_directory_and_each_external_account_has_a_place_of_its_own():
    one, two = (place_of("/accounts", f"https://ca.example:8443/{name}") for name in "ab")
    assert one.path.startswith("/accounts/ca.example-8443-")
    assert one != two
    own, other = (place_of("/accounts", "https://ca.example:8443/a", key_id) for key_id in ("mine", "theirs/../.."))
    assert len({one.path, own.path, other.path}) == 3
    assert own.path.startswith(f"{one.path}-external-")
    assert "/" not in other.path.removeprefix("/accounts/")
    assert "secret" not in repr(Authority("https://ca.example/dir", hmac_key="secret"))


@pytest.fixture(scope="module")
def issued(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("authority"))
    certificates.make_authority(place, "here")
    return certificates.issue(place, "a.example")


def now():
    return datetime.now(UTC).timestamp()


def test_a_chain_that_is_what_was_asked_for_is_accepted(issued):
    found, leaf = chain.checked(f"junk\n{issued.chain.decode()}", issued.key, ("A.example",), now())
    assert found == issued.chain
    assert leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)


def test_a_chain_that_is_not_what_was_asked_for_is_refused(issued):
    text = issued.chain.decode()
    leaf, authority, _ = text.split("-----END CERTIFICATE-----\n")
    end = "-----END CERTIFICATE-----\n"
    year = 366 * 86400
    cases = [
        (text, chain.new_key(), ("a.example",), 0, "is for another key"),
        (text, issued.key, ("a.example", "b.example", "127.0.0.1"), 0, "lacks 127.0.0.1, b.example"),
        (text, issued.key, ("a.example",), 2 * year, "which is not now"),
        (text, issued.key, ("a.example",), -year, "which is not now"),
        ("", issued.key, ("a.example",), 0, "is not well-formed"),
        ("nothing", issued.key, ("a.example",), 0, "is not well-formed"),
        (text[:300], issued.key, ("a.example",), 0, "is not well-formed"),
        (f"{leaf}{end}" * 2, issued.key, ("a.example",), 0, "links do not fit"),
        (f"{leaf}{end}" * 11, issued.key, ("a.example",), 0, "a chain of 11"),
        (f"{authority}{end}{leaf}{end}", issued.key, ("a.example",), 0, "is for another key"),
    ]
    for given_text, key, names, later, wrong in cases:
        with pytest.raises(AcmeError, match=wrong) as caught:
            chain.checked(given_text, key, names, now() + later)
        assert caught.value.kind == Kind.MALFORMED


def test_the_identifier_of_a_certificate_is_that_of_the_standard(issued):
    issuer, serial = chain.certificate_id(issued.chain).split(".")
    assert len(issuer) == 27
    assert serial
    assert chain.certificate_id(b"") == chain.certificate_id(b"nothing") == ""


def test_a_request_has_all_names(issued):
    request = chain.signing_request(issued.key, ("a.example", "*.b.example", "192.0.2.1", "2001:db8:0::1"))
    names = request.extensions[0].value
    assert [str(name.value) for name in names] == ["a.example", "*.b.example", "192.0.2.1", "2001:db8::1"]
    assert request.is_signature_valid


def test_polling_waits_as_asked_and_ends_in_time():
    slept: list[float] = []
    time = SimpleNamespace(now=0.0)

    def sleep(seconds):
        slept.append(seconds)
        time.now += seconds

    session: Any = SimpleNamespace(clock=Clock(lambda: 0.0, lambda: time.now, sleep), wait=7.0)
    states = iter(["pending", AcmeError(Kind.SERVER, "busy", 9.0), "valid"])

    def read():
        state = next(states, "pending")
        if isinstance(state, AcmeError):
            raise state
        return state

    assert Deadline(session, 60).poll("a.example", read, lambda state: state == "valid") == "valid"
    assert slept == [7.0, 9.0]
    with pytest.raises(AcmeError, match="has not decided within 60 seconds") as caught:
        Deadline(session, 60).poll("a.example", read, lambda state: state == "valid")
    assert (caught.value.kind, caught.value.wait) == (Kind.TIMEOUT, 7.0)
    states = iter([AcmeError(Kind.NO_NETWORK, "gone")] * 99)
    with pytest.raises(AcmeError, match="gone"):
        Deadline(session, 60).poll("a.example", read, lambda state: True)
    states = iter([AcmeError(Kind.UNAUTHORIZED, "no")])
    with pytest.raises(AcmeError, match="no"):
        Deadline(session, 60).poll("a.example", read, lambda state: True)


def test_credentials_are_variables_that_nobody_else_can_read(tmp_path):
    path = tmp_path / "credentials"
    path.write_text("# one\n\nexport A_B='c d'\nX=\"\"\nY = no\n")
    path.chmod(0o600)
    with pytest.raises(AcmeError, match="credentials:5: is not NAME=VALUE"):
        read_credentials(str(path))
    path.write_text("# one\n\nexport A_B='c d'\nX=\"\"\nY=e=f  \n")
    assert read_credentials(str(path)) == {"A_B": "c d", "X": "", "Y": "e=f"}
    path.chmod(0o640)
    with pytest.raises(AcmeError, match="chmod 600"):
        read_credentials(str(path))
    with pytest.raises(AcmeError, match="cannot be read"):
        read_credentials(str(tmp_path / "none"))


def script(tmp_path, text):
    path = tmp_path / "dns_tried.sh"
    path.write_text(text)
    return str(path)


def test_a_script_gets_the_record_and_a_home_that_is_gone_afterwards(tmp_path):
    told = tmp_path / "told"
    text = f'dns_tried_add() {{ echo "add $1 $2 $SECRET $HOME $LE_WORKING_DIR" >> {told}; }}\n'
    text += f'dns_tried_rm() {{ echo "rm $1 $2" >> {told}; }}\n'
    secrets = tmp_path / "secrets"
    secrets.write_text("SECRET=hidden\n")
    secrets.chmod(0o600)
    hook = DnsHook(script(tmp_path, text), str(secrets), settle=0, acme_sh="/nowhere")
    slept: list[float] = []
    way = DnsChallenger(hook, list[str]().append, slept.append)
    way.present("a.example", TOKEN, f"{TOKEN}.thumb")
    way.remove("a.example", TOKEN, f"{TOKEN}.thumb")
    name, value = record_of("a.example", f"{TOKEN}.thumb")
    added, removed = told.read_text().splitlines()
    assert added.split()[:4] == ["add", name, value, "hidden"]
    assert added.split()[4] == added.split()[5] != os.environ["HOME"]
    assert not os.path.exists(added.split()[4])
    assert removed == f"rm {name} {value}"
    assert name == "_acme-challenge.a.example"
    assert len(value) == 43


def test_a_script_that_fails_is_told_without_its_credentials(tmp_path):
    secrets = tmp_path / "secrets"
    secrets.write_text("SECRET=hidden\n")
    secrets.chmod(0o600)
    text = 'dns_tried_add() { echo "wrong: $SECRET" >&2; return 1; }\n'
    way = DnsChallenger(DnsHook(script(tmp_path, text), str(secrets), acme_sh="/nowhere"), list[str]().append)
    with pytest.raises(AcmeError, match=r"a\.example: dns_tried_add: wrong: …") as caught:
        way.present("a.example", TOKEN, "x")
    assert caught.value.kind == Kind.DNS


@pytest.mark.parametrize("name", ["dns_nobody_has", "/nowhere/dns_x.sh", "cf", "dns_../x", "/etc/passwd", "dns_X"])
def test_a_script_that_is_not_there_is_told(name):
    with pytest.raises(AcmeError) as caught:
        script_of(name)
    assert caught.value.kind == Kind.SETTINGS


def test_an_order_that_is_open_is_gone_on_with_before_staging_is_tried():
    primary = Authority(LETSENCRYPT, key_id="kid", hmac_key="secret")
    setup = Setup("/accounts", primary)
    failure = Failure(at=0.0, directory=LETSENCRYPT, kind=Kind.TIMEOUT)
    ledger = Ledger(host="a.example", failures=(failure,), failed=1)
    assert _chosen(setup, ledger, None).staging
    assert _chosen(setup, ledger, pending()).staging
    opened = pending().model_copy(update={"directory": LETSENCRYPT})
    assert _chosen(setup, ledger, opened).directory == LETSENCRYPT
    assert setup.known(LETSENCRYPT) == primary
    assert setup.known(STAGING[LETSENCRYPT]).key_id == ""


@pytest.mark.parametrize(
    ("record", "names", "said"),
    [
        (None, {"ca.example"}, ""),
        (None, (), ""),
        ({"ca.example"}, {"ca.example", "www.ca.example"}, ""),
        ({"other.example"}, {"ca.example"}, 'CAA 0 issue "other.example" forbids it; allow: ca.example'),
        ({"other.example"}, (), 'CAA 0 issue "other.example" forbids it unless that is the name of the authority'),
        ((), (), 'CAA 0 issue ";" forbids it'),
        ({"other.example"}, None, ""),
    ],
)
def test_a_record_that_forbids_or_may_forbid_is_told(monkeypatch, record, names, said):
    found = None if record is None else Allowed("example", frozenset(record))
    monkeypatch.setattr(reach, "authorities_of", lambda host: found)
    told = reach.forbidden("a.example", None if names is None else frozenset(names))
    assert len(told) == bool(said)
    assert said in "".join(told)


def test_what_records_may_allow_is_known_when_each_authority_tells_its_name(monkeypatch):
    told = {"https://one.example/": ["One.example"], "https://two.example/": ["two.example"]}

    def open_session(authority, *words):
        if authority.url not in told:
            raise AcmeError(Kind.NO_NETWORK, "nobody answers")
        meta = SimpleNamespace(caa_identities=told[authority.url])
        return SimpleNamespace(client=SimpleNamespace(directory=SimpleNamespace(meta=meta)))

    monkeypatch.setattr(reach, "open_session", open_session)
    setup = Setup("/accounts", Authority("https://one.example/"), Authority("https://two.example/"))
    assert reach.identities(setup) == frozenset({"one.example", "two.example"})
    told["https://two.example/"] = []
    assert reach.identities(setup) == frozenset()
    del told["https://two.example/"]
    assert reach.identities(setup) is None


def test_the_library_is_imported_late():
    modules = "account attempt authorize chain challenge dns failure network order pending polling retry session window"
    heavy = {"acme", "josepy", "requests", "cryptography", "urllib3"}
    program = f"import sys, chainsaw.cli.main\nfor name in {modules.split()!r}:\n"
    program += "    __import__('chainsaw.host.acme.' + name)\n"
    program += f"print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
