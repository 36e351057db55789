"""The file formats in which a CA keeps certificates."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from renrakucho_ca.errors import Invalid, NotFound
from renrakucho_ca.model import Status
from renrakucho_ca.service.ca_import.authorities import CaFiles
from renrakucho_ca.store.tables import hierarchies

from .old_cas import NOW, MakeCa, Old, parsed, published_crl, revoked_in, run

# -- forms of files


@pytest.mark.parametrize("form", ["der", "bundle", "p7-pem", "p7-der", "text", "trusted", "mark"])
def test_a_certificate_is_read_in_any_encoding_and_file_name(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, form: str
) -> None:
    ca = openssl_ca()
    files = [ca.issue(f"/CN=user{place}") for place in range(3)]
    folder = tmp_path / "given"
    folder.mkdir()
    many = [part for file in files for part in ("-certfile", str(file))]
    match form:
        case "der":
            for place, file in enumerate(files):
                run("openssl", "x509", "-in", file, "-outform", "DER", "-out", folder / str(place))
        case "text":
            for place, file in enumerate(files):
                run("openssl", "x509", "-in", file, "-text", "-out", folder / f"{place}.txt")
        case "trusted":
            for place, file in enumerate(files):
                purpose = ("-trustout", "-addtrust", "clientAuth")
                run("openssl", "x509", "-in", file, *purpose, "-out", folder / str(place))
        case "mark":  # As editors of Windows write UTF-8.
            for place, file in enumerate(files):
                text = file.read_bytes().replace(b"\n", b"\r\n")
                (folder / f"{place}.cer").write_bytes(b"\xef\xbb\xbf" + text)
        case "bundle":
            bundle = b"\n# next\n".join(file.read_bytes() for file in files)
            (folder / "all").write_bytes(bundle)
        case _:
            shape = form.removeprefix("p7-").upper()
            out = ("-outform", shape, "-out", str(folder / "all.bin"))
            run("openssl", "crl2pkcs7", "-nocrl", *many, *out)
    done = old.take(f"form-{form}", ca.certificate, paths=[folder])
    assert done.problems == []
    serials = {parsed(file).serial_number for file in files}
    assert {record.serial for record in old.records(f"form-{form}")} == serials


def test_a_pkcs7_in_ber_is_read(old: Old, openssl_ca: MakeCa, tmp_path: Path) -> None:
    ca = openssl_ca()
    signer = ("-signer", str(ca.issue("/CN=signer")), "-inkey", str(ca.folder / "device.key"))
    form = ("-nodetach", "-stream", "-outform", "DER", "-out", str(tmp_path / "given"))
    run("openssl", "cms", "-sign", "-in", ca.index, *signer, *form)
    assert (tmp_path / "given").read_bytes().startswith(b"\x30\x80")
    old.take("ber", ca.certificate, paths=[tmp_path / "given"])
    assert list(old.by_user("ber")) == ["signer"]


@pytest.mark.parametrize("digits", ["01", "0A0123456789ABCDEF0123456789ABCD", "0000000000"])
def test_a_file_with_a_serial_number_is_no_certificate(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, digits: str
) -> None:
    # "0" is the tag of a SEQUENCE.
    (tmp_path / "serial.old").write_text(f"{digits}\n")
    done = old.take(f"digits-{len(digits)}", openssl_ca().certificate, paths=[tmp_path])
    assert done.problems == []


def test_a_crl_inside_a_pkcs7_revokes_too(old: Old, openssl_ca: MakeCa, tmp_path: Path) -> None:
    ca = openssl_ca()
    file = ca.issue("/CN=gone")
    ca.revoke(file)
    together = tmp_path / "all.p7b"
    run("openssl", "crl2pkcs7", "-in", ca.crl(), "-certfile", file, "-out", together)
    done = old.take("p7crl", ca.certificate, paths=[together]).summary
    assert (done.added, done.revoked) == (1, 1)


def test_ca_certificates_and_keys_among_the_files_belong_to_no_user(
    old: Old, openssl_ca: MakeCa
) -> None:
    ca = openssl_ca()
    ca.issue("/CN=person")
    (ca.folder / "other-ca.pem").write_bytes(openssl_ca("other").certificate.read_bytes())
    done = old.take("nobody", ca.certificate, paths=[ca.folder])
    assert done.problems == []
    assert list(old.by_user("nobody")) == ["person"]


def test_hostile_files_are_reported_and_stop_nothing(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    good = ca.issue("/CN=good")
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "good.pem").write_bytes(good.read_bytes())
    (folder / "noise.crt").write_bytes(os.urandom(100_000))
    (folder / "zero.cer").write_bytes(b"")
    der = parsed(good).dump()
    (folder / "cut.der").write_bytes(der[:-20])
    (folder / "deep.der").write_bytes(b"\x30\x84\xff\xff\xff\xff" * 10)
    (folder / "cut.pem").write_bytes(good.read_bytes()[:200])
    (folder / "bad64.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----")
    (folder / "cut.crl").write_bytes(b"-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----")
    (folder / "notes.txt").write_bytes(b"nothing of interest\n")
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.pem").symlink_to(folder / "nowhere")
    (folder / "circle.pem").symlink_to("circle.pem")
    os.mkfifo(folder / "pipe.pem")
    with (folder / "huge.bin").open("wb") as huge:
        huge.truncate(3 * 1024**3)
    done = old.take("hostile", ca.certificate, paths=[folder])
    assert done.summary.added == 1
    reported = {Path(text.split(": ")[0].split(":")[0]).name for text in done.problems}
    assert reported == {
        "noise.crt",
        "zero.cer",
        "cut.der",
        "deep.der",
        "cut.pem",
        "bad64.pem",
        "cut.crl",
        "circle.pem",
    }


def test_a_missing_path_is_reported_before_anything_is_recorded(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    with pytest.raises(NotFound):
        old.take("slip", ca.certificate, paths=[ca.folder / "nowhere"])
    (tmp_path / "records.csv").write_text("serial,owner\n")
    with pytest.raises(Invalid, match="unknown column 'owner'"):
        old.take("slip", ca.certificate, records=tmp_path / "records.csv")
    with pytest.raises(NotFound):
        hierarchies.get(old.home.db, "slip")


# -- weak and odd certificates


@pytest.mark.parametrize("digest", ["-md5", "-sha1", "-sha256"])
@pytest.mark.parametrize("serial", ["0", "-5", "1", "0x7f" + "ff" * 19])
def test_weak_and_odd_certificates_are_imported_unchanged(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, digest: str, serial: str
) -> None:
    ca = openssl_ca(key=("-newkey", "rsa:1024", "-sha1"))
    csr, out = tmp_path / "csr", tmp_path / "out.pem"
    subject = ("-subj", "/CN=old device")
    key = ("-newkey", "rsa:1024", "-nodes", "-keyout", str(tmp_path / "k"))
    run("openssl", "req", "-new", *key, *subject, "-out", csr)
    signing = ("-CA", str(ca.certificate), "-CAkey", str(ca.private_key), "-set_serial", serial)
    run("openssl", "x509", "-req", "-in", csr, *signing, digest, "-days", "100", "-out", out)
    name = re.sub(r"[^a-z0-9]", "", f"weak{digest}{serial[:4]}".replace("-5", "neg"))
    done = old.take(name, ca.certificate, paths=[out])
    assert done.problems == []
    (record,) = old.records(name)
    assert record.serial == int(serial, 0)
    assert (record.user.id, record.key_algorithm) == ("old device", "rsa-1024")


def test_a_negative_serial_number_is_on_the_crl_as_it_is_in_the_certificate(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    csr, out = tmp_path / "csr", tmp_path / "out.pem"
    subject = ("-subj", "/CN=device", "-key", str(ca.folder / "device.key"))
    run("openssl", "req", "-new", *subject, "-out", csr)
    signing = ("-CA", str(ca.certificate), "-CAkey", str(ca.private_key), "-set_serial", "-300")
    run("openssl", "x509", "-req", "-in", csr, *signing, "-days", "3650", "-out", out)
    ca.revoke(out)
    given = CaFiles(root=ca.certificate.read_bytes(), issuing_key=ca.private_key.read_bytes())
    old.take("negative", given, paths=[out, ca.crl()])
    assert revoked_in(published_crl(old, "negative", tmp_path)) == {-300: None}


def test_a_name_in_latin_1_that_claims_to_be_t61_is_read(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    good = parsed(ca.issue("/CN=M3ller"))
    tbs = good["tbs_certificate"]
    # Re-signed by hand: OpenSSL would write the name in UTF-8.
    changed = tbs.dump().replace(b"\x0c\x06M3ller", b"\x14\x06M\xfcller")
    (tmp_path / "tbs").write_bytes(changed)
    run(
        *("openssl", "dgst", "-sha256", "-sign", ca.private_key),
        *("-out", tmp_path / "signature", tmp_path / "tbs"),
    )
    signature = (tmp_path / "signature").read_bytes()
    body = changed + good["signature_algorithm"].dump()
    body += bytes((3, len(signature) + 1, 0)) + signature
    (tmp_path / "t61.der").write_bytes(b"\x30\x82" + len(body).to_bytes(2, "big") + body)
    done = old.take("latin", ca.certificate, paths=[tmp_path / "t61.der"])
    assert done.problems == []
    assert list(old.by_user("latin")) == ["Müller"]


def test_an_expired_one_comes_over_as_expired(old: Old, openssl_ca: MakeCa) -> None:
    ca = openssl_ca()
    ca.issue("/CN=past", "-startdate", "100101000000Z", "-enddate", "200101000000Z")
    assert old.take("past", ca.certificate, paths=[ca.folder]).summary.expired == 1
    assert old.by_user("past")["past"].status(NOW) is Status.EXPIRED
