"""OpenSSL's index as it is found in the field: edited, copied, incomplete."""

from __future__ import annotations

import pytest

from renrakucho_ca.model import Status

from .old_cas import NOW, MakeCa, Old


def test_an_index_that_windows_edited_is_read(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.revoke(ca.issue("/CN=alice"))
    text = ca.index.read_bytes().replace(b"\n", b"\r\n")
    ca.index.write_bytes(b"\xef\xbb\xbf# ours\r\n\r\n" + text)
    assert old.take("edited", ca.certificate, paths=[ca.index]).problems == []
    assert old.by_user("edited")["alice"].status(NOW) is Status.REVOKED


def test_a_damaged_index_line_is_reported_and_the_others_count(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    ca.revoke(ca.issue("/CN=alice"))
    ca.index.write_bytes(b"half of a li\n" + ca.index.read_bytes())
    done = old.take("damaged", ca.certificate, paths=[ca.index])
    assert done.problems == [f"{ca.index}:1: not a line of an OpenSSL index"]
    assert done.summary.revoked == 1


def test_the_state_before_does_not_count(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.revoke(ca.issue("/CN=alice"), "-crl_reason", "certificateHold")
    held = ca.index.read_text()
    released = held.replace("R\t", "V\t").split("\t")
    ca.index.write_text("\t".join([*released[:2], "", *released[3:]]))
    (ca.folder / "index.txt.old").write_text(held)
    old.take("before-now", ca.certificate, paths=[ca.folder])
    assert old.by_user("before-now")["alice"].status(NOW) is Status.DOWNLOADED


@pytest.mark.parametrize("revoked_first", [True, False])
def test_of_two_index_lines_about_one_certificate_the_revoked_one_counts(
    old: Old, openssl_ca: MakeCa, revoked_first: bool
) -> None:
    ca = openssl_ca()
    file = ca.issue("/CN=alice")
    valid = ca.index.read_text()
    ca.revoke(file)
    revoked = ca.index.read_text()
    ca.index.write_text(revoked + valid if revoked_first else valid + revoked)
    name = f"twice-{revoked_first}".lower()
    old.take(name, ca.certificate, paths=[ca.index])
    assert old.by_user(name)["alice"].status(NOW) is Status.REVOKED


def test_an_easyrsa_2_index_includes_the_certificates_in_its_folder(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    file = ca.issue("/CN=alice")
    file.rename(ca.folder / file.name)
    done = old.take("two", ca.certificate, paths=[ca.index])
    assert (done.problems, done.summary.certificates) == ([], 1)


@pytest.mark.parametrize("folder", ["renewed/issued", "renewed/certs_by_serial", "expired"])
def test_an_index_includes_renewed_and_expired_easyrsa_certificates(
    old: Old, openssl_ca: MakeCa, folder: str
) -> None:
    ca = openssl_ca()
    file = ca.issue("/CN=alice")
    (ca.folder / folder).mkdir(parents=True)
    file.rename(ca.folder / folder / "alice.crt")
    done = old.take(folder.replace("/", "-").replace("_", "-"), ca.certificate, paths=[ca.index])
    assert (done.problems, done.summary.certificates) == ([], 1)


# -- names


def test_a_subject_without_a_common_name_is_known_by_its_mail_address(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    (ca.folder / "ext").write_text("subjectAltName=DNS:host.example.jp,email:bob@example.jp\n")
    config = ca.folder / "openssl.cnf"
    policy = "commonName = optional\nemailAddress = optional"
    config.write_text(config.read_text().replace("commonName = supplied", policy))
    ca.issue("/O=x/emailAddress=alice@example.jp")
    ca.issue("/O=x", "-extfile", str(ca.folder / "ext"))
    assert old.take("mail", ca.certificate, paths=[ca.folder]).problems == []
    assert set(old.by_user("mail")) == {"alice@example.jp", "bob@example.jp"}


def test_an_index_line_without_a_certificate_names_the_same_user(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    config = ca.folder / "openssl.cnf"
    policy = "commonName = optional\nemailAddress = optional"
    config.write_text(config.read_text().replace("commonName = supplied", policy))
    ca.issue("/CN=here")
    ca.issue("/O=x/emailAddress=alice@example.jp").unlink()
    ca.issue("/O=nobody").unlink()
    done = old.take("nameless", ca.certificate, paths=[ca.folder])
    (problem,) = done.problems
    assert problem.startswith(f"{ca.index}:3: the subject names no user, so the user id is 3")
    assert set(old.by_user("nameless")) == {"here", "alice@example.jp", "3"}


@pytest.mark.parametrize("subject", ["/CN=a\x01b", "/CN=" + "x" * 64 + "/CN=\u202eevil"])
def test_an_invalid_user_name_is_reported_and_replaced_by_the_serial_number(
    old: Old, openssl_ca: MakeCa, subject: str
) -> None:
    ca = openssl_ca()
    ca.issue(subject)
    name = f"names{len(subject)}"
    (problem,) = old.take(name, ca.certificate, paths=[ca.folder]).problems
    assert "the subject names no user, so the user id is 1" in problem
    assert list(old.by_user(name)) == ["1"]
    assert old.take(name, ca.certificate, paths=[ca.folder]).problems == []
