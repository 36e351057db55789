"""The CA of a certificate, and the keys of the CA."""

from __future__ import annotations

import plistlib
import re
import shutil
from pathlib import Path

import pytest

from renrakucho_ca.errors import Conflict, Invalid, NotFound, Unavailable
from renrakucho_ca.model import Status
from renrakucho_ca.service.ca_import.authorities import CaFiles
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.publication import publication
from renrakucho_ca.service.recovery import reconcile
from renrakucho_ca.service.retrieval import retrieval
from renrakucho_ca.store.tables import hierarchies
from tests.shared.homes import issue

from .old_cas import NOW, MakeCa, Old, OpensslCa, parsed, published_crl, run

# -- which CA


def test_cas_with_equal_names_and_serials_are_distinguished_by_signature(
    old: Old, openssl_ca: MakeCa
) -> None:
    one, two = openssl_ca("one"), openssl_ca("two")
    one.issue("/CN=of one")
    two.issue("/CN=of two")
    both = [one.folder / "newcerts", two.folder / "newcerts"]
    first = old.take("twin-one", one.certificate, paths=both)
    second = old.take("twin-two", two.certificate, paths=both)
    assert [each.user.id for each in old.records("twin-one")] == ["of one"]
    assert [each.user.id for each in old.records("twin-two")] == ["of two"]
    assert (len(first.problems), len(second.problems)) == (1, 1)


def test_certificates_from_before_a_root_renewal_stay_in_their_hierarchy(
    old: Old, openssl_ca: MakeCa
) -> None:
    """One key, one name, two certificates: the signature verifies under either."""
    ca = openssl_ca()
    ca.issue("/CN=from before")
    old.take("before", ca.certificate, paths=[ca.index])
    renewed = ca.folder / "renewed.pem"
    run(
        *("openssl", "req", "-x509", "-key", ca.private_key, "-subj", ca.subject, "-utf8"),
        *("-days", "7301", "-out", renewed),
    )
    ca.issue("/CN=from after")
    done = old.take("after", renewed, paths=[ca.folder / "newcerts"])
    assert done.problems == [
        f"{ca.folder}/newcerts/01.pem:1: serial number 1: "
        "this certificate belongs to hierarchy before"
    ]
    assert set(old.by_user("after")) == {"from after"}


def test_the_hierarchy_s_name_belongs_to_one_ca_and_the_ca_to_one_name(
    old: Old, openssl_ca: MakeCa
) -> None:
    one, two = openssl_ca("one"), openssl_ca("two")
    old.take("mine", one.certificate)
    with pytest.raises(Conflict, match="already has other CA certificates"):
        old.take("mine", two.certificate)
    with pytest.raises(Conflict, match="already belongs to hierarchy mine"):
        old.take("yours", one.certificate)


def test_two_tiers_come_over_with_the_keys_that_are_there(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    root, issuing = two_tiers(openssl_ca, tmp_path)
    issuing.issue("/CN=person")
    issuing.revoke(issuing.issue("/CN=second of the issuing CA"))
    root.issue("/CN=second of the root")
    ca = CaFiles(
        root=root.certificate.read_bytes(),
        issuing=issuing.certificate.read_bytes(),
        issuing_key=issuing.private_key.read_bytes(),
    )
    done = old.take("tiers", ca, paths=[root.folder, issuing.folder])
    assert done.problems == []
    found = hierarchies.get(old.home.db, "tiers")
    assert (found.root.key, found.issuing.key) == (None, "tiers-issuing")
    # Serial number 1 is the issuing CA's in the root's index, the person's in its own.
    assert {each.user.id: (each.serial, each.status(NOW)) for each in old.records("tiers")} == {
        "person": (1, Status.DOWNLOADED),
        "second of the issuing CA": (2, Status.REVOKED),
        "second of the root": (2, Status.DOWNLOADED),
    }

    later = CaFiles(root=root.certificate.read_bytes(), root_key=root.private_key.read_bytes())
    old.take("tiers", later)
    assert hierarchies.get(old.home.db, "tiers").root.key == "tiers-root"


def two_tiers(openssl_ca: MakeCa, tmp_path: Path) -> tuple[OpensslCa, OpensslCa]:
    root, issuing = openssl_ca("root"), openssl_ca("issuing", subject="/CN=Old Issuing CA")
    (root.folder / "ext").write_text("basicConstraints=critical,CA:TRUE\n")
    request = tmp_path / "issuing.csr"
    run(
        *("openssl", "req", "-new", "-key", issuing.private_key, "-out", request),
        *("-subj", "/CN=Old Issuing CA"),
    )
    extensions = ("-extfile", str(root.folder / "ext"), "-days", "3650")
    root.ca("-in", request, "-notext", "-out", issuing.certificate, *extensions)
    return root, issuing


def test_an_issuing_ca_imported_later_is_journalled(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    root, issuing = two_tiers(openssl_ca, tmp_path)
    issuing.issue("/CN=person")
    assert old.take("left-out", root.certificate, paths=[issuing.folder]).summary.added == 0
    before = shutil.copy(old.home.database, tmp_path)
    ca = CaFiles(root=root.certificate.read_bytes(), issuing=issuing.certificate.read_bytes())
    done = old.take("left-out", ca, paths=[issuing.folder])
    assert (done.summary.added, done.problems) == (1, [])

    later = Home(shutil.copytree(old.home.path, tmp_path / "later"), lambda is_new: b"")
    shutil.copy(before, later.database)
    reconcile.reconcile(later)
    found = hierarchies.get(later.db, "left-out")
    assert [each.certificate for each in found.authorities] == [
        parsed(one.certificate).dump() for one in (root, issuing)
    ]
    later.db.close()


def test_a_root_with_its_key_here_issues_and_gets_no_issuing_ca(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    root, issuing = two_tiers(openssl_ca, tmp_path)
    key = root.private_key.read_bytes()
    old.take("keyed-root", CaFiles(root=root.certificate.read_bytes(), issuing_key=key))
    ca = CaFiles(root=root.certificate.read_bytes(), issuing=issuing.certificate.read_bytes())
    with pytest.raises(Conflict, match="already has other CA certificates"):
        old.take("keyed-root", ca)


def test_an_iphone_s_profile_of_a_root_that_issues_brings_that_ca_once(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca(subject="/CN=Flat CA")
    files = CaFiles(root=ca.certificate.read_bytes(), root_key=ca.private_key.read_bytes())
    old.take("flat", files)
    number = issue(old.home, "iphone", "flat").certificate.number
    (outcome,), written = retrieval.export(old.home, [number], tmp_path / "out")
    outcome.unwrap()
    payloads = plistlib.loads(written[number].read_bytes())["PayloadContent"]
    kinds = [payload["PayloadType"].removeprefix("com.apple.security.") for payload in payloads]
    assert kinds == ["root", "pkcs12"]


def test_an_issuing_ca_that_the_root_did_not_sign_is_refused(old: Old, openssl_ca: MakeCa) -> None:
    root, other = openssl_ca("root"), openssl_ca("other", subject="/CN=Other")
    ca = CaFiles(root=root.certificate.read_bytes(), issuing=other.certificate.read_bytes())
    with pytest.raises(Invalid, match="did not issue") as refused:
        old.take("unsigned", ca)
    assert "for a CA of three tiers" in str(refused.value.hint)


def test_a_certificate_of_a_person_is_no_root(old: Old, openssl_ca: MakeCa) -> None:
    with pytest.raises(Invalid):
        old.take("person", openssl_ca().issue("/CN=person"))


# -- keys


@pytest.mark.parametrize(
    ("kind", "conversion", "passphrase"),
    [
        ("ec", ("pkey",), None),
        ("ec", ("pkey", "-traditional"), None),
        ("ec", ("pkey", "-outform", "DER"), None),
        ("ec", ("pkey", "-aes256", "-passout", "pass:geheim"), b"geheim"),
        ("ec", ("pkey", "-traditional", "-aes256", "-passout", "pass:geheim"), b"geheim"),
        ("rsa", ("pkey",), None),
        ("rsa", ("pkey", "-traditional"), None),
        ("rsa", ("pkey", "-traditional", "-des3", "-passout", "pass:geheim"), b"geheim"),
        ("rsa", ("pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:geheim"), b"geheim"),
        ("ec", ("pkey",), b"not needed"),
    ],
)
def test_the_cas_key_is_imported_in_every_encoding_and_signs(
    old: Old,
    openssl_ca: MakeCa,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    kind: str,
    conversion: tuple[str, ...],
    passphrase: bytes | None,
) -> None:
    options = {} if kind == "ec" else {"key": ("-newkey", "rsa:2048")}
    ca = openssl_ca(**options)
    command, *arguments = conversion
    key = tmp_path / "key"
    run("openssl", command, "-in", ca.private_key, *arguments, "-out", key)
    name = re.sub(r"[^a-z0-9]+", "", f"{request.node.name}".split("[")[1].lower())[:32]
    given = CaFiles(
        root=ca.certificate.read_bytes(),
        issuing_key=key.read_bytes(),
        issuing_key_passphrase=passphrase,
    )
    old.take(name, given)
    published_crl(old, name, tmp_path)
    crl_file = tmp_path / "public" / f"{name}-crl.pem"
    run("openssl", "crl", "-in", crl_file, "-CAfile", ca.certificate, "-verify", "-noout")


def test_a_key_that_is_here_already_is_not_written_again(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())
    sealed = old.home.store / "keys" / "kept-root.key"
    old.take("kept", given)
    before = sealed.read_bytes()
    old.take("kept", given)
    assert sealed.read_bytes() == before


@pytest.mark.parametrize("passphrase", [None, b"wrong"])
def test_a_key_that_cannot_be_opened_leaves_nothing_behind(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, passphrase: bytes | None
) -> None:
    ca = openssl_ca()
    key = tmp_path / "key"
    run("openssl", "pkey", "-in", ca.private_key, "-aes256", "-passout", "pass:x", "-out", key)
    given = CaFiles(ca.certificate.read_bytes(), None, key.read_bytes(), passphrase)
    with pytest.raises(Unavailable):
        old.take("locked", given)
    with pytest.raises(NotFound):
        hierarchies.get(old.home.db, "locked")


def test_another_ca_s_key_is_refused(old: Old, openssl_ca: MakeCa) -> None:
    one, two = openssl_ca("one"), openssl_ca("two")
    given = CaFiles(one.certificate.read_bytes(), None, two.private_key.read_bytes())
    with pytest.raises(Invalid, match="does not belong"):
        old.take("wrong-key", given)


def test_a_key_too_weak_to_sign_with_is_refused_and_the_hint_says_how_to_go_on(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca("short", key=("-newkey", "rsa:1024"))
    given = CaFiles(ca.certificate.read_bytes(), None, ca.private_key.read_bytes())
    with pytest.raises(Invalid, match="rsa-1024") as refused:
        old.take("short-key", given)
    assert refused.value.hint is not None
    assert "omit the key" in refused.value.hint
    old.take("short-key", ca.certificate)


def test_without_its_key_a_hierarchy_is_known_and_publish_says_that_its_crl_is_overdue(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    old.take("keyless", openssl_ca().certificate)
    assert hierarchies.get(old.home.db, "keyless").issuing.key is None
    assert "keyless-root" in publication.publish(old.home, out=tmp_path / "public").overdue
