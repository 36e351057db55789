"""The forms in which programs leave certificates, CRLs and keys, judged by what OpenSSL reads."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import pem

from renrakucho_ca.errors import Invalid, Unavailable
from renrakucho_ca.model import Status
from renrakucho_ca.service.ca_import.authorities import CaFiles
from renrakucho_ca.store.tables import hierarchies

from .old_cas import NOW, Old, OpensslCa, run

MakeCa = Callable[..., OpensslCa]


def der_of(path: Path) -> bytes:
    """PEM with other text before it."""
    data = path.read_bytes()
    der: bytes = pem.unarmor(data[data.index(b"-----BEGIN") :])[2]
    return der


def in_json(text: str) -> bytes:
    """As cfssl answers, and as .NET writes every + and /."""
    answer = {"key": "-----BEGIN EC PRIVATE KEY-----\n", "cert": text}
    return json.dumps(answer).replace("+", "\\u002B").replace("/", "\\/").encode()


TEXTS: dict[str, Callable[[str], bytes]] = {
    "JSON": in_json,
    "JSON of one long line": lambda text: b"[" + b'"x",' * 16_370 + in_json(text) + b"]",
    "UTF-16 with a mark": lambda text: text.encode("utf-16"),
    "UTF-16 without": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "a mark": lambda text: text.encode("utf-8-sig"),
    "lines of an old Mac": lambda text: text.replace("\n", "\r").encode(),
    "one line, with blanks": lambda text: text.replace("\n", " ").encode(),
    "indented": lambda text: b"cert: |\n" + re.sub("^", "    ", text, flags=re.M).encode(),
    "quoted in a mail": lambda text: re.sub("^", "> ", text, flags=re.M).encode(),
    "attributes before": lambda text: b"Bag Attributes\n    friendlyName: x\n" + text.encode(),
    "base64 alone": lambda text: "".join(text.split("\n")[1:-2]).encode(),
    "base64 in UTF-16": lambda text: "\r\n".join(text.split("\n")[1:-2]).encode("utf-16"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_certificate_is_found_wherever_it_stands_in_a_text(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, what: str
) -> None:
    ca = openssl_ca()
    text = pem.armor("CERTIFICATE", der_of(ca.issue("/CN=alice"))).decode()
    (tmp_path / "given.txt").write_bytes(TEXTS[what](text))
    name = "text-" + re.sub("[^a-z0-9]", "", what.lower())[:20]
    assert old.take(name, ca.certificate, paths=[tmp_path / "given.txt"]).problems == []
    assert list(old.by_user(name)) == ["alice"]


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_no_mark_is_missed_where_a_long_line_is_read_in_parts(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, cut: int
) -> None:
    ca = openssl_ca()
    body = pem.armor("CERTIFICATE", der_of(ca.issue("/CN=alice"))).replace(b"\n", rb"\n")
    (tmp_path / "given").write_bytes(b" " * (64 * 1024 - cut) + body)
    name = f"cut{cut}"
    assert old.take(name, ca.certificate, paths=[tmp_path / "given"]).problems == []
    assert list(old.by_user(name)) == ["alice"]


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b"\0" * 8])
def test_der_may_be_followed_by_padding_or_another_one(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, between: bytes
) -> None:
    ca = openssl_ca()
    parts = [der_of(ca.issue(f"/CN={user}")) + between for user in ("alice", "bob")]
    (tmp_path / "given").write_bytes(b"".join(parts))
    name = f"padding{len(between)}{sum(between)}"
    assert old.take(name, ca.certificate, paths=[tmp_path]).problems == []
    assert set(old.by_user(name)) == {"alice", "bob"}


def test_unreadable_data_after_der_is_reported(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    (tmp_path / "given").write_bytes(der_of(ca.issue("/CN=alice")) + b"and more")
    done = old.take("more", ca.certificate, paths=[tmp_path])
    assert done.problems == [f"{tmp_path}/given: the rest of the file cannot be read"]
    assert list(old.by_user("more")) == ["alice"]


def test_windows_calls_a_pkcs7_a_certificate(old: Old, openssl_ca: MakeCa, tmp_path: Path) -> None:
    ca = openssl_ca()
    run(
        *("openssl", "crl2pkcs7", "-nocrl", "-certfile", ca.issue("/CN=alice")),
        *("-outform", "DER", "-out", tmp_path / "p7"),
    )
    given = tmp_path / "certnew.p7b"
    given.write_bytes(pem.armor("CERTIFICATE", (tmp_path / "p7").read_bytes()))
    assert old.take("certnew", ca.certificate, paths=[given]).problems == []
    assert list(old.by_user("certnew")) == ["alice"]


def open_ended(der: bytes) -> bytes:
    """A SEQUENCE or explicit tag of DER in BER, its own length left open (X.690 §8.1.3.6)."""
    start = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return der[:1] + b"\x80" + der[start:] + b"\0\0"


@pytest.mark.parametrize("form", ["der", "ber", "with a certificate in ber"])
def test_the_crls_of_a_pkcs7_count_without_certificates_and_in_ber(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, form: str
) -> None:
    ca = openssl_ca()
    alice = ca.issue("/CN=alice")
    ca.revoke(alice)
    given = tmp_path / "crls"
    also = ("-certfile", alice) if "certificate" in form else ()
    out = ("-outform", "DER", "-out", given)
    run("openssl", "crl2pkcs7", "-in", ca.crl(), *also, *out)
    if "ber" in form:
        given.write_bytes(open_ended(given.read_bytes()))
    name = f"p7-{form.replace(' ', '')}"
    done = old.take(name, ca.certificate, paths=[alice, given])
    assert (done.problems, done.summary.revoked) == ([], 1)


# -- what is no certificate


def test_keys_requests_and_texts_are_counted_and_no_problem(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "alice.pem").write_bytes(ca.issue("/CN=alice").read_bytes())
    key, out = ca.folder / "device.key", ("-outform", "DER", "-out")
    run("openssl", "req", "-in", ca.folder / "request.pem", *out, folder / "request")
    run("openssl", "pkcs8", "-topk8", "-in", key, "-passout", "pass:x", *out, folder / "key")
    (folder / "key.pem").write_bytes(key.read_bytes())
    (folder / "notes").write_text("nothing of interest")
    met: list[tuple[str, str | None]] = []
    done = old.take(
        "others",
        ca.certificate,
        paths=[folder],
        passed_over=lambda file, kind: met.append((file.name, kind)),
    )
    assert (done.problems, done.summary.added, done.summary.passed_over) == ([], 1, 4)
    assert sorted(met) == [("key", None), ("key.pem", None), ("notes", None), ("request", None)]


def test_files_that_may_have_certificates_and_are_not_opened_are_named(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    ca = openssl_ca()
    given = tmp_path / "given"
    given.mkdir()
    run(
        *("openssl", "pkcs12", "-export", "-nokeys", "-in", ca.issue("/CN=alice")),
        *("-passout", "pass:x", "-out", given / "alice.p12"),
    )
    run(sys.executable, "-c", _DATABASE, given / "certs.db", ca.folder / "newcerts" / "01.pem")
    met: dict[str, str | None] = {}
    done = old.take(
        "closed",
        ca.certificate,
        paths=[given],
        passed_over=lambda file, kind: met.update({file.name: kind}),
    )
    assert met["alice.p12"] == "PKCS#12"
    assert (met["certs.db"] or "").startswith("SQLite")
    # Nothing at all came of the path.
    assert done.problems == [f"{given}: no certificate, CRL or index was found"]


_DATABASE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    database.execute("CREATE TABLE certificates (status, pem)")
    database.execute("INSERT INTO certificates VALUES ('revoked', ?)", [open(sys.argv[2]).read()])
"""


# -- the CA's own files


@pytest.mark.parametrize("algorithm", ["ed25519", "ed448", "dsa"])
def test_a_ca_with_an_unsupported_key_is_imported_without_it(
    old: Old, openssl_ca: MakeCa, tmp_path: Path, algorithm: str
) -> None:
    if algorithm == "dsa":
        parameters = tmp_path / "parameters"
        size = ("-pkeyopt", "dsa_paramgen_bits:1024")
        run("openssl", "genpkey", "-genparam", "-algorithm", "DSA", *size, "-out", parameters)
        algorithm_option = f"dsa:{parameters}"
    else:
        algorithm_option = algorithm
    folder = tmp_path / "ca"
    folder.mkdir()
    make = ("openssl", "req", "-x509", "-nodes", "-newkey", algorithm_option, "-days", "3000")
    run(*make, "-keyout", folder / "key", "-out", folder / "ca.pem", "-subj", "/CN=Old")
    request = ("openssl", "req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt")
    curve = "ec_paramgen_curve:P-256"
    run(*request, curve, "-keyout", tmp_path / "k", "-out", tmp_path / "csr", "-subj", "/CN=alice")
    sign = ("openssl", "x509", "-req", "-CA", folder / "ca.pem", "-CAkey", folder / "key")
    run(*sign, "-in", tmp_path / "csr", "-set_serial", "5", "-out", folder / "alice.pem")
    done = old.take(f"key-{algorithm}", folder / "ca.pem", paths=[folder])
    assert done.problems == []
    assert old.by_user(f"key-{algorithm}")["alice"].status(NOW) is Status.DOWNLOADED
    with_key = CaFiles((folder / "ca.pem").read_bytes(), None, (folder / "key").read_bytes())
    with pytest.raises(Invalid, match="rca cannot sign with the CA's key") as raised:
        old.take(f"key-{algorithm}", with_key)
    assert "omit the key" in (raised.value.hint or "")


def test_a_ca_s_key_comes_out_of_a_pkcs12_too(old: Old, openssl_ca: MakeCa, tmp_path: Path) -> None:
    ca = openssl_ca()
    file = tmp_path / "ca.pfx"
    run(
        *("openssl", "pkcs12", "-export", "-in", ca.certificate, "-inkey", ca.private_key),
        *("-passout", "pass:secret", "-out", file),
    )
    root = ca.certificate.read_bytes()
    for passphrase in (None, b"wrong"):
        with pytest.raises(Unavailable):
            old.take("pfx", CaFiles(root, None, file.read_bytes(), passphrase))
    old.take("pfx", CaFiles(root, None, file.read_bytes(), b"secret"))
    assert hierarchies.get(old.home.db, "pfx").root.key == "pfx-root"
    with pytest.raises(Invalid, match="this is a PKCS#12") as raised:
        old.take("pfx-root", CaFiles(file.read_bytes()))
    assert "-nokeys" in (raised.value.hint or "")


def test_a_ca_certificate_is_read_in_every_encoding_and_from_a_chain(
    old: Old, openssl_ca: MakeCa, tmp_path: Path
) -> None:
    root, issuing = openssl_ca("root"), openssl_ca("issuing", subject="/CN=Old Issuing CA")
    (root.folder / "ext").write_text("basicConstraints=critical,CA:TRUE\n")
    run(
        *("openssl", "req", "-new", "-key", issuing.private_key, "-subj", "/CN=Old Issuing CA"),
        *("-out", tmp_path / "csr"),
    )
    certificate = tmp_path / "issuing.pem"
    extensions = ("-notext", "-extfile", root.folder / "ext")
    root.ca("-in", tmp_path / "csr", "-out", certificate, *extensions)
    chain = certificate.read_bytes() + root.certificate.read_bytes()
    bare = base64.b64encode(der_of(root.certificate))
    for form in (chain, bare, chain.decode().encode("utf-16")):
        old.take("chain", CaFiles(form, chain))
    found = hierarchies.get(old.home.db, "chain")
    assert found.root.certificate == der_of(root.certificate)
    assert found.issuing.certificate == der_of(certificate)
