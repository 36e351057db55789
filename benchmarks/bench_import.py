"""`rca hierarchy import` by size, against parsing, verifying and inserting alone.

`python -m benchmarks.bench_import [--certificates N] [--rounds N]`. The floor does in one process
what cannot be left out: read the PEM, parse, verify the issuer's signature, insert record and
bytes, a thousand in a transaction. The memory should be the same for every size.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from benchmarks.measure import RCA, Run, Sample, heading, in_turn, line, process
from renrakucho_ca.service.home import Home

SMALL = 10_000
AIM = 5_000
"""Certificates a second."""
BATCH = 1000
PASSPHRASE = b"import"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_import", description=__doc__)
    parser.add_argument("--certificates", type=int, default=100_000, help="of the larger import")
    parser.add_argument("--rounds", type=int, default=3, help="turns that each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rca-import-") as folder:
        measure(Path(folder), options.certificates, options.rounds)


def measure(folder: Path, largest: int, rounds: int) -> None:
    """Whole processes of rca, from start to end, into a new home each time."""
    heading("hierarchy import", "floor")
    for kind in ("ec-p256", "rsa-2048"):
        for count in sorted({SMALL, largest}):
            given = folder / f"{kind}-{count}"
            _make(given, kind, count)
            floor, ours = in_turn((_floor(given), _import(given)), rounds)
            line(
                f"{kind}, {count:,} certificates",
                floor.seconds * 1000,
                ours.seconds * 1000,
                f"≥ {AIM:,}/s",
                f"{count / ours.seconds:,.0f}/s, {ours.mebibytes:,.0f} MiB",
            )


def _import(given: Path) -> Run:
    template = given / "empty"
    home = Home(template, lambda is_new: PASSPHRASE)
    home.create(None, None)
    home.db.close()
    target = given / "home"
    command = process(
        *(
            RCA,
            "--home",
            str(target),
            "hierarchy",
            "import",
            "old",
            "--root",
            str(given / "ca.pem"),
        ),
        *("--certificates", str(given / "all.pem")),
    )

    def run() -> Sample:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(template, target)
        return command()

    return run


def _floor(given: Path) -> Run:
    issuer = x509.load_pem_x509_certificate((given / "ca.pem").read_bytes())

    def run() -> Sample:
        path = given / "floor.sqlite"
        path.unlink(missing_ok=True)
        start = time.perf_counter()
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = EXTRA")
            db.execute(
                "CREATE TABLE record (id INTEGER PRIMARY KEY, serial TEXT, fingerprint TEXT)"
            )
            db.execute("CREATE TABLE bytes (id INTEGER PRIMARY KEY, der BLOB)")
            blocks = enumerate(_blocks(given / "all.pem"))
            while batch := list(islice(blocks, BATCH)):
                records, bytes_ = [], []
                for number, block in batch:
                    certificate = x509.load_pem_x509_certificate(block)
                    certificate.verify_directly_issued_by(issuer)
                    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
                    records.append((number, f"{certificate.serial_number:x}", fingerprint))
                    der = certificate.public_bytes(serialization.Encoding.DER)
                    bytes_.append((number, der))
                db.execute("BEGIN IMMEDIATE")
                db.executemany("INSERT INTO record VALUES (?, ?, ?)", records)
                db.executemany("INSERT INTO bytes VALUES (?, ?)", bytes_)
                db.execute("COMMIT")
        return Sample(time.perf_counter() - start)

    return run


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        block: list[bytes] = []
        for row in file:
            block.append(row)
            if row.startswith(b"-----END"):
                yield b"".join(block)
                block.clear()


def _make(given: Path, kind: str, count: int) -> None:
    """A root that issued so many certificates, all in one bundle."""
    given.mkdir()
    key: Key = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec-p256"
        else rsa.generate_private_key(65537, 2048)
    )
    name = _name("Old CA")
    root = _builder(name, name, key.public_key(), 1).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    (given / "ca.pem").write_bytes(_pem(root, key))
    device = ec.generate_private_key(ec.SECP256R1()).public_key()
    with (given / "all.pem").open("wb") as file:
        for serial in range(2, count + 2):
            subject = _name(f"user{serial}")
            # A random-looking serial number, as real CAs give: index pages are met in no order.
            builder = _builder(name, subject, device, serial * 0x9E3779B97F4A7C15 % 2**63 + 1)
            file.write(_pem(builder, key))


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, n: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(n)
        .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2035, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(builder: x509.CertificateBuilder, key: Key) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


if __name__ == "__main__":
    main()
