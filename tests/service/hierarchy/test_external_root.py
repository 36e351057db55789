"""A root on another machine: OpenSSL, or an rca there, signs what was requested here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from asn1crypto import csr as asn1_csr
from asn1crypto import pem

from renrakucho_ca.errors import Conflict, Invalid, NotFound, RcaError, Unavailable
from renrakucho_ca.locale import Catalogue, Language
from renrakucho_ca.model import RevocationReason
from renrakucho_ca.service.hierarchy import creation, cross_signing, external_root
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.recovery import reconcile
from renrakucho_ca.store.tables import certificates, hierarchies
from tests.shared.homes import Clock, configure, copy_home, issue, openssl, rows

pytestmark = pytest.mark.needs("openssl")

GOOD = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
IDS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
# The clock of these homes stands at 2026-02-02.
FROM = ("-not_before", "20260101000000Z")


@dataclass(frozen=True)
class OpensslRoot:
    """A root that knows nothing of rca."""

    folder: Path
    certificate: Path

    def sign(self, request: Path, extensions: str = GOOD + IDS, *options: str) -> Path:
        """The certificate for a request, made by `openssl ca`."""
        (self.folder / "index").write_text("")
        (self.folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index\nrand_serial=yes\n"
            f"new_certs_dir={self.folder}\npolicy=p\nx509_extensions=e\nemail_in_dn=no\n"
            "[p]\ncommonName=supplied\norganizationName=optional\norganizationalUnitName=optional\n"
            f"[e]\n{extensions}"
        )
        out = self.folder / "issuing.pem"
        dates = ("-startdate", "20260101000000Z", "-enddate", "20500101000000Z")
        openssl(
            *("ca", "-batch", "-notext", "-preserveDN", "-config", self.folder / "ca.cnf"),
            *("-cert", self.certificate, "-keyfile", self.folder / "root.key", "-md", "sha256"),
            *("-in", request, "-out", out),
            *dates,
            *options,
        )
        return out

    def crl(self, configuration: Path) -> bytes:
        """What `openssl ca -gencrl` makes, PEM."""
        out = self.folder / "crl.pem"
        openssl(
            *("ca", "-gencrl", "-config", configuration, "-md", "sha256", "-out", out),
            *("-cert", self.certificate, "-keyfile", self.folder / "root.key"),
            *("-crl_lastupdate", "20260201000000Z", "-crl_nextupdate", "20270201000000Z"),
        )
        return out.read_bytes()


def make_root(folder: Path, extensions: str = "basicConstraints=critical,CA:TRUE") -> OpensslRoot:
    folder.mkdir()
    openssl(
        *("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", folder / "root.key"),
    )
    (folder / "root.cnf").write_text(
        "[req]\nprompt=no\ndistinguished_name=n\nx509_extensions=e\n[n]\nCN=root.example.jp\n"
        f"[e]\n{extensions}\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
    )
    request = folder / "root.csr"
    openssl(
        "req", "-new", "-key", folder / "root.key", "-config", folder / "root.cnf", "-out", request
    )
    certificate = folder / "root.pem"
    (folder / "index").write_text("")
    (folder / "self.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nrand_serial=yes\nnew_certs_dir={folder}\n"
        "policy=p\n[p]\ncommonName=supplied\n"
    )
    openssl(
        *("ca", "-batch", "-notext", "-selfsign", "-config", folder / "self.cnf", "-md", "sha256"),
        *("-extfile", folder / "root.cnf", "-extensions", "e", "-keyfile", folder / "root.key"),
        *("-startdate", "20260101000000Z", "-enddate", "20560101000000Z"),
        *("-in", request, "-out", certificate),
    )
    return OpensslRoot(folder, certificate)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> OpensslRoot:
    return make_root(tmp_path_factory.mktemp("elsewhere") / "root")


@pytest.fixture
def requested(home: Home, tmp_path: Path) -> Path:
    """The request for the hierarchy `third`."""
    path = tmp_path / "third.csr"
    external_root.request(home, "third", path, common_name="third.example.jp")
    return path


def install(home: Home, root: Path, issuing: Path) -> None:
    external_root.install(home, "third", root.read_bytes(), issuing.read_bytes())


# -- the request


def test_a_request_asks_for_the_profiles_extensions(home: Home, tmp_path: Path) -> None:
    configure(home, "public_url: https://ca.example.jp")
    external_root.request(home, "third", tmp_path / "r.csr", common_name="third.example.jp")
    _, _, der = pem.unarmor((tmp_path / "r.csr").read_bytes())
    info = asn1_csr.CertificationRequest.load(der, strict=True)["certification_request_info"]
    assert info["subject"].native["common_name"] == "third.example.jp Issuing CA"
    (attribute,) = info["attributes"]
    asked = {
        each["extn_id"].native: (each["critical"].native, each["extn_value"].parsed.native)
        for each in attribute["values"][0]
    }
    assert asked["basic_constraints"] == (True, {"ca": True, "path_len_constraint": 0})
    assert asked["key_usage"] == (True, {"key_cert_sign", "crl_sign"})
    ((point,),) = [asked["crl_distribution_points"][1]]
    assert point["distribution_point"] == ["https://ca.example.jp/crl/third-root.crl"]
    openssl("req", "-in", tmp_path / "r.csr", "-verify", "-noout")


def test_the_same_request_is_written_again_and_listed(
    home: Home, requested: Path, tmp_path: Path
) -> None:
    external_root.request(home, "third", tmp_path / "again.csr")
    assert (tmp_path / "again.csr").read_bytes() == requested.read_bytes()
    assert rows(home, "SELECT hierarchy FROM ca_request") == [("third",)]


def test_a_request_that_is_out_is_not_changed(home: Home, requested: Path, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="already has a request"):
        external_root.request(home, "third", tmp_path / "b.csr", common_name="other.example.jp")


def test_a_name_that_waits_for_its_certificate_is_taken(home: Home, requested: Path) -> None:
    before = (home.store / "keys" / "third-issuing.key").read_bytes()
    with pytest.raises(Conflict, match="waits for its requested certificate"):
        creation.create(home, "third")
    assert (home.store / "keys" / "third-issuing.key").read_bytes() == before


def test_a_request_that_is_given_up_leaves_nothing(home: Home, requested: Path) -> None:
    external_root.withdraw(home, "third")
    assert not (home.store / "keys" / "third-issuing.key").exists()
    with pytest.raises(NotFound, match="has no request"):
        external_root.withdraw(home, "third")
    creation.create(home, "third", common_name="third.example.jp")


# -- installing what OpenSSL has signed


def test_installing_the_same_certificate_again_gives_the_same_result(
    home: Home, root: OpensslRoot, requested: Path
) -> None:
    """A run that died may not have told; one that looks alike is none of it."""
    signed = root.sign(requested)
    install(home, root.certificate, signed)
    before = rows(home, "SELECT count(*) FROM audit")
    install(home, root.certificate, signed)
    assert rows(home, "SELECT count(*) FROM audit") == before
    with pytest.raises(NotFound, match="has no request"):
        install(home, root.certificate, root.sign(requested))


def test_a_ca_signed_by_openssl_issues(
    home: Home, root: OpensslRoot, requested: Path, tmp_path: Path
) -> None:
    install(home, root.certificate, root.sign(requested))
    assert rows(home, "SELECT hierarchy FROM ca_request") == []
    issued = issue(home, hierarchy="third")
    leaf = tmp_path / "leaf.der"
    leaf.write_bytes(certificates.der(home.db, issued.certificate.number))
    publication.publish(home)
    openssl(
        *("verify", "-attime", str(int(home.clock().timestamp())), "-CAfile", root.certificate),
        *("-untrusted", home.public / "third-issuing.pem", leaf),
    )


def test_the_external_roots_crl_completes_the_files_for_nginx(
    home: Home, root: OpensslRoot, requested: Path, tmp_path: Path
) -> None:
    install(home, root.certificate, root.sign(requested))
    assert publication.publish(home).overdue == ("third-root",)
    assert not (home.public / "third-crl.pem").exists()
    (root.folder / "number").write_text("01")
    (root.folder / "crl.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={root.folder}/index\ncrlnumber={root.folder}/number\n"
        "crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n"
    )
    external_root.take_crl(home, "third", root.crl(root.folder / "crl.cnf"))
    assert publication.publish(home).overdue == ()
    assert (home.public / "third-crl.pem").read_bytes().count(b"BEGIN X509 CRL") == 2
    with pytest.raises(Invalid, match="not to"):
        external_root.take_crl(home, "third", (home.public / "old-root.crl").read_bytes())


def test_a_crl_without_a_number_is_refused_with_the_way_to_one(
    home: Home, root: OpensslRoot, requested: Path
) -> None:
    """As OpenSSL and Easy-RSA make it unless they are told otherwise."""
    install(home, root.certificate, root.sign(requested))
    (root.folder / "bare.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={root.folder}/index\n"
        "crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n"
    )
    with pytest.raises(Invalid, match="no number") as caught:
        external_root.take_crl(home, "third", root.crl(root.folder / "bare.cnf"))
    assert "crlnumber" in str(caught.value.hint)


@pytest.mark.parametrize("armoured", [True, False])
def test_a_crl_of_an_unknown_version_is_refused(
    home: Home, root: OpensslRoot, requested: Path, armoured: bool
) -> None:
    """The library's InvalidVersion is no ValueError, and came out as a bug."""
    install(home, root.certificate, root.sign(requested))
    publication.publish(home)
    sound = (home.public / "old-root.crl").read_bytes()
    spoilt = sound.replace(b"\x02\x01\x01", b"\x02\x01\x02", 1)  # §5.1.2.1: v2 is 1
    data = pem.armor("X509 CRL", spoilt) if armoured else spoilt
    with pytest.raises(Invalid, match="not a readable CRL"):
        external_root.take_crl(home, "third", data)


def test_a_ca_with_too_short_a_lifetime_is_reported(
    home: Home, root: OpensslRoot, requested: Path
) -> None:
    """`openssl x509 -days 3650`: two days less than ten years."""
    issuing = root.sign(requested, GOOD + IDS, "-enddate", "20351231000000Z")
    made = external_root.install(home, "third", root.certificate.read_bytes(), issuing.read_bytes())
    assert external_root.years_too_many(home, made) == 10
    assert external_root.years_too_many(home, hierarchies.get(home.db, "new")) is None


def test_a_crl_of_a_ca_with_its_key_here_is_not_installed(home: Home) -> None:
    publication.publish(home)
    with pytest.raises(Conflict, match="is on this machine"):
        external_root.take_crl(home, "old", (home.public / "old-root.crl").read_bytes())


@pytest.mark.parametrize(
    ("extensions", "finding"),
    [
        ("keyUsage=critical,keyCertSign,cRLSign\n" + IDS, "not a CA certificate"),
        (GOOD.replace("CA:TRUE,pathlen:0", "CA:FALSE") + IDS, "not a CA certificate"),
        ("basicConstraints=critical,CA:TRUE\n" + IDS, "no key usage"),
        (GOOD.replace(",cRLSign", "") + IDS, "lacks keyCertSign or cRLSign"),
        (GOOD + "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=none\n", "no subject key"),
        (GOOD + IDS + "extendedKeyUsage=serverAuth\n", "does not allow clientAuth"),
        # `openssl verify -purpose sslclient`: "unsuitable certificate purpose"
        (GOOD + IDS + "extendedKeyUsage=anyExtendedKeyUsage\n", "does not allow clientAuth"),
        (GOOD + IDS + "1.2.3.4=critical,ASN1:NULL\n", "critical extension 1.2.3.4"),
    ],
)
def test_a_certificate_that_could_not_issue_is_refused(
    home: Home, root: OpensslRoot, requested: Path, extensions: str, finding: str
) -> None:
    with pytest.raises(Invalid, match=finding):
        install(home, root.certificate, root.sign(requested, extensions))
    assert rows(home, "SELECT name FROM hierarchy WHERE name = 'third'") == []
    install(home, root.certificate, root.sign(requested))


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        (("-md", "sha1"), "signed with sha1"),
        (("-subj", "/CN=somebody else"), "name is not the one"),
        (("-enddate", "20260201000000Z"), "not valid now"),
        (("-startdate", "20260203000000Z"), "not valid now"),
        (("-enddate", "20560101000001Z"), "expires after its root"),
        (("-enddate", "20600101000000Z"), "expires after its root"),
    ],
)
def test_a_certificate_other_than_was_asked_for_is_refused(
    home: Home, root: OpensslRoot, requested: Path, options: tuple[str, ...], finding: str
) -> None:
    with pytest.raises(Invalid, match=finding):
        install(home, root.certificate, root.sign(requested, GOOD + IDS, *options))


@pytest.mark.parametrize(
    ("option", "last"),
    [("-startdate", "20260202030405Z"), ("-enddate", "20560101000000Z")],
)
def test_a_certificate_may_begin_now_and_end_with_its_root(
    home: Home, root: OpensslRoot, requested: Path, option: str, last: str
) -> None:
    install(home, root.certificate, root.sign(requested, GOOD + IDS, option, last))


def test_a_certificate_that_ends_now_is_refused(
    home: Home, root: OpensslRoot, requested: Path
) -> None:
    signed = root.sign(requested, GOOD + IDS, "-enddate", "20260202030405Z")
    with pytest.raises(Invalid, match="not valid now"):
        install(home, root.certificate, signed)


def test_a_certificate_that_names_another_key_of_its_issuer_is_refused(
    home: Home, root: OpensslRoot, requested: Path, tmp_path: Path
) -> None:
    """The signature verifies, but OpenSSL finds no path (RFC 5280 §4.2.1.1)."""
    twin = OpensslRoot(root.folder, tmp_path / "twin.pem")
    (tmp_path / "twin.cnf").write_text(
        "[e]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=00112233445566778899\n"
    )
    openssl(
        *("x509", "-req", "-in", root.folder / "root.csr", "-days", "9000", "-sha256"),
        *("-extfile", tmp_path / "twin.cnf", "-extensions", "e"),
        *("-key", root.folder / "root.key", "-out", twin.certificate),
    )
    with pytest.raises(Invalid, match="authority key identifier is not that of the root"):
        install(home, root.certificate, twin.sign(requested))


def test_all_faults_are_reported_in_the_readers_language(
    home: Home, root: OpensslRoot, requested: Path
) -> None:
    extensions = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=none\n"
    with pytest.raises(Invalid) as caught:
        install(home, root.certificate, root.sign(requested, extensions))
    assert ": it has no subject key identifier; it has no key usage" in str(caught.value)
    japanese = Catalogue(Language.JAPANESE).message(caught.value)
    assert japanese.endswith("主体者鍵識別子がありません; 鍵用途がありません")


def test_a_certificate_for_another_key_is_refused(
    home: Home, root: OpensslRoot, requested: Path, tmp_path: Path
) -> None:
    external_root.request(home, "fourth", tmp_path / "fourth.csr", common_name="fourth.example.jp")
    with pytest.raises(Invalid, match="key is not the one"):
        install(home, root.certificate, root.sign(tmp_path / "fourth.csr"))


def test_a_root_that_did_not_sign_is_refused(
    home: Home, root: OpensslRoot, requested: Path, tmp_path: Path
) -> None:
    other = make_root(tmp_path / "other")
    with pytest.raises(Invalid, match="did not sign it"):
        install(home, other.certificate, root.sign(requested))


def test_a_root_with_path_length_zero_is_refused(
    home: Home, requested: Path, tmp_path: Path
) -> None:
    flat = make_root(tmp_path / "flat", "basicConstraints=critical,CA:TRUE,pathlen:0")
    with pytest.raises(Invalid, match="allows no subordinate CA"):
        install(home, flat.certificate, flat.sign(requested))


@pytest.mark.parametrize(
    ("more", "finding"),
    [
        ("extendedKeyUsage=serverAuth", "does not allow clientAuth"),
        (
            "nameConstraints=critical,permitted;dirName:n2\n[n2]\nO=Other",
            "does not permit the name",
        ),
    ],
)
def test_a_root_under_which_no_device_would_be_accepted_is_refused(
    home: Home, requested: Path, tmp_path: Path, more: str, finding: str
) -> None:
    """OpenSSL holds a root's purposes and name constraints against all below it."""
    keep = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign"
    extensions = f"{keep}\nsubjectKeyIdentifier=hash\n{more}\n[unused]"
    root = make_root(tmp_path / "narrow", extensions)
    with pytest.raises(Invalid, match=finding):
        install(home, root.certificate, root.sign(requested))


def test_an_intermediate_is_no_root(home: Home, root: OpensslRoot, requested: Path) -> None:
    signed = root.sign(requested)
    with pytest.raises(Invalid, match="not self-signed"):
        install(home, signed, signed)


def test_a_clock_that_was_set_back_installs_and_signs_nothing(
    home: Home, clock: Clock, root: OpensslRoot, requested: Path, tmp_path: Path
) -> None:
    signed = root.sign(requested)
    clock.advance(days=-1)
    with pytest.raises(Unavailable, match="the clock is at 2026-02-01"):
        install(home, root.certificate, signed)
    with pytest.raises(Unavailable, match="the clock is at 2026-02-01"):
        cross_signing.sign(home, "new", requested.read_bytes(), tmp_path / "signed.pem")
    assert rows(home, "SELECT * FROM ca_certificate") == []
    assert not (tmp_path / "signed.pem").exists()
    clock.advance(days=1)
    install(home, root.certificate, signed)


@pytest.mark.parametrize("data", [b"", b"\x30\x80", b"-----BEGIN CERTIFICATE-----\n", b"x" * 9])
def test_a_file_without_a_certificate_is_refused_in_one_line(
    home: Home, root: OpensslRoot, requested: Path, data: bytes
) -> None:
    with pytest.raises(RcaError):
        external_root.install(home, "third", root.certificate.read_bytes(), data)


# -- signed by another home


@pytest.fixture
def offline(template: Path, tmp_path: Path, clock: Clock) -> Home:
    """The home where the root is: that of `new` there."""
    return copy_home(template, tmp_path / "offline", clock)


def test_another_home_signs_and_its_crl_can_revoke_it(
    home: Home, offline: Home, requested: Path, tmp_path: Path
) -> None:
    # Both are copies of one: here the root must not be known already.
    creation.create(offline, "roots", common_name="roots.example.jp")
    out = tmp_path / "issuing.pem"
    signed = cross_signing.sign(offline, "roots", requested.read_bytes(), out)
    publication.publish(offline)
    install(home, offline.public / "roots-root.pem", out)
    issue(home, hierarchy="third")
    listed = rows(offline, "SELECT serial, crosses FROM ca_certificate WHERE der IS NOT NULL")
    assert listed == [(f"{signed.serial:x}", None)]


def test_a_revocation_by_an_external_root_does_not_make_its_crl_overdue(
    home: Home, offline: Home, requested: Path, tmp_path: Path
) -> None:
    """Nobody here can sign another, and need not: the CRL that was taken in lists it."""
    creation.create(offline, "roots", common_name="roots.example.jp")
    lost = external_root.request(offline, "lost", tmp_path / "lost.csr", common_name="lost")
    stolen = cross_signing.sign(offline, "roots", lost.request, tmp_path / "lost.pem")
    cross_signing.revoke(offline, stolen.serial, RevocationReason.CA_COMPROMISE)
    publication.publish(offline)
    cross_signing.sign(offline, "roots", requested.read_bytes(), tmp_path / "issuing.pem")
    install(home, offline.public / "roots-root.pem", tmp_path / "issuing.pem")
    external_root.take_crl(home, "third", (offline.public / "roots-root.crl").read_bytes())
    for _ in range(2):
        reconcile.reconcile(home)
        assert publication.publish(home).overdue == ()
    assert rows(home, "SELECT number FROM certificate") == []


def test_nothing_but_name_and_key_of_a_request_is_taken(
    offline: Home, requested: Path, tmp_path: Path, root: OpensslRoot
) -> None:
    configuration = tmp_path / "asks.cnf"
    configuration.write_text(
        "[req]\nprompt=no\ndistinguished_name=n\nreq_extensions=e\n[n]\nCN=greedy\n[e]\n"
        "basicConstraints=CA:TRUE,pathlen:7\nextendedKeyUsage=serverAuth\n"
        "subjectAltName=DNS:bank.example\n"
    )
    asked, out = tmp_path / "asks.csr", tmp_path / "given.pem"
    key = root.folder / "root.key"
    openssl("req", "-new", "-key", key, "-config", configuration, "-out", asked)
    cross_signing.sign(offline, "new", asked.read_bytes(), out)
    text = openssl("x509", "-in", out, "-noout", "-ext", "basicConstraints,extendedKeyUsage")
    assert "pathlen:0" in text
    assert "serverAuth" not in openssl("x509", "-in", out, "-noout", "-text")
    assert "bank" not in openssl("x509", "-in", out, "-noout", "-text")


def test_a_request_for_a_device_is_no_request_for_a_ca(
    offline: Home, root: OpensslRoot, tmp_path: Path
) -> None:
    asked = tmp_path / "device.csr"
    openssl(
        *("req", "-new", "-key", root.folder / "root.key", "-subj", "/CN=device", "-out", asked),
        *("-addext", "basicConstraints=CA:FALSE"),
    )
    with pytest.raises(Invalid, match="not for a CA"):
        cross_signing.sign(offline, "new", asked.read_bytes(), tmp_path / "x.pem")
    assert rows(offline, "SELECT * FROM ca_certificate") == []
