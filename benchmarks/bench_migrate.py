"""`rca migrate` and `rca expire`, whole processes, against what they cannot do without, and peers.

`python -m benchmarks.bench_migrate [--certificates N] [--rounds N] [--part PART]`. The floor makes
key, signature and PKCS#12 in two processes that are ready when the clock starts; rca's figure is
that of the whole command, from its start. Rates at different sizes should be the same.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from benchmarks import peers, synthetic
from benchmarks.measure import RCA, Run, Sample, heading, in_turn, line, memory_of_all, process
from benchmarks.synthetic import Stock
from renrakucho_ca.bundle import pkcs12
from renrakucho_ca.certificate_profile import P12Format
from renrakucho_ca.pki.keys import PrivateKey
from renrakucho_ca.service.process_pool import cores

SMALL = 2_000
RSA = 200
PEERS = 50
AIMS = {"ec-p256": 0.80, "rsa-3072": 0.92}
PARTS = ("floor", "size", "expire", "peers")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_migrate", description=__doc__)
    parser.add_argument("--certificates", type=int, default=100_000, help="of the large migration")
    parser.add_argument("--rounds", type=int, default=3, help="turns that each is measured")
    parser.add_argument("--part", choices=PARTS, action="append", help="else all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rca-migrate-") as name:
        folder = Path(name)
        parts: dict[str, Callable[[], None]] = {
            "floor": lambda: against_floor(folder, options.rounds),
            "size": lambda: by_size(folder, options.certificates),
            "expire": lambda: at_cutoff(folder, options.certificates),
            "peers": lambda: against_peers(folder, options.certificates, options.rounds),
        }
        for part in options.part or PARTS:
            parts[part]()


def against_floor(folder: Path, rounds: int) -> None:
    heading("rca migrate", f"{cores()} processes", "ms each")
    for algorithm, count in (("ec-p256", SMALL), ("rsa-3072", RSA)):
        floor, ours = in_turn(
            (_floor(algorithm, count), _migrate(folder, count, algorithm)),
            rounds if algorithm == "ec-p256" else 1,
        )
        line(
            f"{algorithm}, {count:,} certificates",
            floor.seconds / count * 1000,
            ours.seconds / count * 1000,
            f"≤ {1 / AIMS[algorithm]:.2f}",
            f"{count / ours.seconds:,.0f}/s, {floor.seconds / ours.seconds:.2f} of the floor's rate"
            f" (processor time {floor.processor / ours.processor:.2f})",
        )


def by_size(folder: Path, largest: int) -> None:
    heading("rca migrate by size", f"{SMALL:,}", "ms each")
    small, large = (_migrate(folder, count, "ec-p256")() for count in (SMALL, largest))
    line(
        f"{largest:,} certificates",
        small.seconds / SMALL * 1000,
        large.seconds / largest * 1000,
        "≤ 1.10",
        f"{largest / large.seconds:,.0f}/s, all processes {large.mebibytes:,.0f} MiB (< 400)",
    )


def at_cutoff(folder: Path, count: int) -> None:
    """The day after: everything is revoked, and a CRL is signed that says so."""
    home = _copy(folder, count)
    with closing(sqlite3.connect(home / "ca-store" / "rca.sqlite")) as db, db:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        db.execute(
            "UPDATE hierarchy SET cutoff = ? WHERE name = 'old'", (int(yesterday.timestamp()),)
        )
    expire = process(*_rca(home), "expire")()
    publish = process(*_rca(home), "publish", "--if-due")()
    print(
        f"\nrca expire of {count:,} with its CRL: {expire.seconds + publish.seconds:.1f} s (< 20), "
        f"{max(expire.mebibytes, publish.mebibytes):,.0f} MiB"
    )


def against_peers(folder: Path, size: int, rounds: int) -> None:
    """One after another in a loop, as scripts do it, with few and with many in the index."""
    heading(f"rca migrate against scripts, {PEERS} certificates", "peer", "ms each")
    for name, peer, before in (
        ("openssl req + ca + pkcs12", peers.openssl, 0),
        ("openssl req + ca + pkcs12", peers.openssl, size),
        ("Easy-RSA", peers.easy_rsa, 0),
    ):
        theirs, ours = in_turn((peer(folder, PEERS, before), _migrate(folder, SMALL)), rounds)
        each, our_each = theirs.seconds / PEERS, ours.seconds / SMALL
        line(
            f"{name}, {before:,} in its index",
            each * 1000,
            our_each * 1000,
            "≤ 0.20",
            f"{each / our_each:.1f} times the rate",
        )


def _migrate(folder: Path, count: int, algorithm: str = "ec-p256") -> Run:
    """The whole process, on a store of its own each time."""

    def run() -> Sample:
        home = _copy(folder, count)
        if algorithm != "ec-p256":
            with closing(sqlite3.connect(home / "ca-store" / "rca.sqlite")) as db, db:
                db.execute("UPDATE certificate SET device = 'windows', profile = 'windows'")
        command = (*_rca(home), "migrate", "--cutoff", "2099-01-01")
        with memory_of_all() as memory:
            sample = process(*command)()
        shutil.rmtree(home)
        return Sample(sample.seconds, sample.processor, memory())

    return run


def _copy(folder: Path, count: int) -> Path:
    source = synthetic.home(folder, count, Stock.OLD)
    return Path(shutil.copytree(source, folder / f"copy-{count}"))


def _rca(home: Path) -> tuple[str, ...]:
    return (RCA, "--home", str(home), "--passphrase-file", str(home / "passphrase"))


def _floor(algorithm: str, count: int) -> Run:
    def run() -> Sample:
        # Not forked: a child would have this process's memory and locks.
        with get_context("spawn").Pool(cores()) as pool:
            pool.map(_make, [(algorithm, 1)] * cores(), 1)
            share = count // cores()
            start = time.perf_counter()
            processor = sum(pool.map(_make, [(algorithm, share)] * cores(), 1))
            return Sample(time.perf_counter() - start, processor)

    return run


def _make(task: tuple[str, int]) -> float:
    """Keys, certificates and bundles; gives its seconds on a processor."""
    algorithm, count = task
    start = time.process_time()
    issuer_key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "floor")])
    issuer = _sign(name, issuer_key, issuer_key)
    for _ in range(count):
        key: PrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ec-p256"
            else rsa.generate_private_key(65537, 3072)
        )
        pkcs12.make(
            key=key,
            certificate=_sign(name, key, issuer_key),
            chain=[issuer, issuer],
            password="abcd-efgh-jkmn",
            friendly_name="floor",
            p12_format=P12Format.COMPAT,
        )
    return time.process_time() - start


def _sign(
    name: x509.Name, key: PrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """With eight extensions, as a client certificate has."""
    public = key.public_key()
    now = datetime.now(UTC)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.KeyUsage(True, *[False] * 8), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
        (x509.SubjectAlternativeName([x509.RFC822Name("floor@example.jp")]), False),
        (x509.CRLDistributionPoints([_POINT]), False),
        (x509.CertificatePolicies([_POLICY]), False),
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3652))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA384())


_POINT = x509.DistributionPoint(
    [x509.UniformResourceIdentifier("http://example.jp/floor.crl")], None, None, None
)
_POLICY = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)


if __name__ == "__main__":
    main()
