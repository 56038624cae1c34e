"""A certificate of the admin's own is taken only if it can be used: all that is wrong with it is said at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chainsaw.errors import ChainsawError, Exit
from chainsaw.host import certificates
from chainsaw.host.pair import covers, read_pair
from chainsaw.host.pem import is_pair
from chainsaw.work.certificates.exchange import renew
from chainsaw.work.certificates.report import show_certificate
from chainsaw.work.result import Quiet

HOST = "shop.example.org"
DAY = timedelta(days=1)
PEM, PKCS8, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


class Maker:
    """Makes keys and certificates in a directory."""

    def __init__(self, directory):
        self.directory = directory
        self.root, self.between = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.key = ec.generate_private_key(ec.SECP256R1())

    def certificate(self, subject, key, issuer, signer, since=-1, until=90, names=()):
        name = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, word)]) for word in (subject, issuer)]
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(name[0]).issuer_name(name[1]).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now + since * DAY).not_valid_after(now + until * DAY)
        if names:
            found = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            made = made.add_extension(found, critical=False)
        else:
            made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return made.sign(signer, hashes.SHA256()).public_bytes(PEM)

    def leaf(self, **what):
        return self.certificate("leaf", self.key, "between", self.between, **{"names": (HOST,), **what})

    @property
    def authorities(self):
        between = self.certificate("between", self.between, "root", self.root)
        return between, self.certificate("root", self.root, "root", self.root, until=3650)

    def write(self, name, *parts):
        path = self.directory / name
        path.write_bytes(b"".join(parts))
        return str(path)

    def secret(self, key=None, encryption=PLAIN):
        return (key or self.key).private_bytes(PEM, PKCS8, encryption)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    return Maker(tmp_path_factory.mktemp("own"))


def found(maker, chain, key):
    return read_pair(maker.write("chain.pem", *chain), maker.write("key.pem", *key), HOST, time.time())


def test_a_whole_certificate_is_taken(maker):
    pair = found(maker, (maker.leaf(), *maker.authorities), (maker.secret(),))
    assert pair.problems == ()
    assert is_pair(pair.chain, pair.key)
    record = certificates.record_of(pair.chain, HOST, "files", "digest")
    assert (record.names, record.issuer, record.source) == ((HOST,), "files", "digest")
    assert not is_pair(pair.chain, maker.secret(maker.root))
    assert not is_pair(b"", b"")


@pytest.mark.parametrize(
    ("chain", "key", "said"),
    [
        (lambda m: (m.leaf(until=-0.5, since=-9), *m.authorities), None, ["it expired on 20"]),
        (lambda m: (m.leaf(since=1), *m.authorities), None, ["it is not valid before 20"]),
        (lambda m: (m.leaf(names=("a.example.org", "*.b.org")), *m.authorities), None, [f"it is not for {HOST}, but"]),
        (lambda m: (m.leaf(),), None, ["the chain is not complete: the certificate of CN=between is missing"]),
        (lambda m: (m.leaf(), m.authorities[0]), None, ["the certificate of CN=root is missing at its end"]),
        (lambda m: (m.leaf(), *reversed(m.authorities)), None, ["the chain is not in order: CN=leaf is not signed by"]),
        (lambda m: (b"hello",), None, ["there is no certificate in PEM form in it"]),
        (lambda m: (m.leaf(), *m.authorities), lambda m: (b"hello",), ["there is no private key in PEM form in it"]),
        (lambda m: (m.leaf(), *m.authorities), lambda m: (m.secret(m.root),), ["this is not the key of the"]),
        (
            lambda m: (m.leaf(), *m.authorities),
            lambda m: (m.secret(encryption=serialization.BestAvailableEncryption(b"tiger")),),
            ["the key has a password"],
        ),
        (
            lambda m: (m.leaf(until=-0.5, since=-9, names=("a.org",)),),
            lambda m: (m.secret(m.root),),
            ["it expired on", f"it is not for {HOST}, but for a.org", "is not complete", "this is not the key of the"],
        ),
    ],
)
def test_what_is_wrong_with_a_certificate_of_the_admin(maker, chain, key, said):
    pair = found(maker, chain(maker), key(maker) if key else (maker.secret(),))
    assert (pair.key, pair.chain) == (b"", b"")
    assert len(pair.problems) == len(said)
    for problem, words in zip(pair.problems, said, strict=True):
        assert words in problem.message
        assert problem.code == "certificate"


def test_a_file_that_is_not_there_is_named(maker):
    pair = read_pair("/nowhere/chain.pem", "/nowhere/key.pem", HOST, time.time())
    assert [item.headline() for item in pair.problems] == [
        "/nowhere/chain.pem: there is no such file",
        "/nowhere/key.pem: there is no such file",
    ]


@pytest.mark.parametrize(
    ("name", "host", "covered"),
    [
        ("a.org", "a.org", True),
        ("*.a.org", "b.a.org", True),
        ("*.a.org", "a.org", False),
        ("*.a.org", "c.b.a.org", False),
        ("b.a.org", "a.org", False),
        ("*", "a.org", False),
    ],
)
def test_a_name_of_a_certificate_and_a_host(name, host, covered):
    assert covers(name, host) == covered


def test_a_host_name_without_a_route_has_no_certificate(admin):
    for ask in (
        lambda: show_certificate(admin.account, "blog.example.org"),
        lambda: renew(admin.account, ["blog.example.org"], False, False, Quiet()),
    ):
        with pytest.raises(ChainsawError) as caught:
            ask()
        assert caught.value.exit is Exit.MISSING
        assert [item.code for item in caught.value.diagnostics] == ["no-host"]
