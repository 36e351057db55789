"""Issuing a batch in one process, against what it cannot do without: key, signature, bundle."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from benchmarks import synthetic
from benchmarks.measure import Run, Sample, heading, in_turn, line
from renrakucho_ca.bundle import pkcs12
from renrakucho_ca.certificate_profile import P12Format
from renrakucho_ca.clock import system_clock
from renrakucho_ca.model import User
from renrakucho_ca.pki import keys, x509_certificates
from renrakucho_ca.pki.keys import PrivateKey
from renrakucho_ca.service.ca.ca_keys import ca_key
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.issuance import issuance
from renrakucho_ca.service.issuance.issuer import Issued
from renrakucho_ca.service.issuance.planner import IssuanceRequest
from renrakucho_ca.store.tables import hierarchies

_PROFILE = "rsa-3072"


def measure(folder: Path, rounds: int) -> None:
    """One process, so the figures are of one core."""
    path = synthetic.home(folder, 1)
    _add_rsa_profile(path)
    home = synthetic.opened(path)
    heading("Issuing a batch, one process", "key+sign+p12", "ms each")
    for name, device, generate, count, aim in (
        ("EC P-256", "iphone", lambda: ec.generate_private_key(ec.SECP256R1()), 200, 0.80),
        ("RSA-3072", _PROFILE, lambda: rsa.generate_private_key(65537, 3072), 20, 0.92),
    ):
        floor, ours = in_turn((_floor(home, generate, count), _batch(home, device, count)), rounds)
        line(
            f"{name}, {count} at a time",
            floor.seconds / count * 1000,
            ours.seconds / count * 1000,
            f"≤ {1 / aim:.2f}",
            f"{count / ours.seconds:,.0f} a second",
        )


def _add_rsa_profile(path: Path) -> None:
    """The iPhone's profile with the other key."""
    text = (path / "profiles" / "iphone.yaml").read_text()
    changed = text.replace("ec-p256", "rsa-3072").replace("iphone", _PROFILE)
    (path / "profiles" / f"{_PROFILE}.yaml").write_text(changed)


def _floor(home: Home, generate: Callable[[], PrivateKey], count: int) -> Run:
    """No linter, no record, no seal: the library's three calls in a loop."""
    authority = hierarchies.get(home.db, "new").issuing
    issuer = x509_certificates.load(authority.certificate)
    issuer_key = ca_key(home, authority)
    assert isinstance(issuer_key, keys.MemoryKey)
    root = x509_certificates.load(hierarchies.get(home.db, "new").root.certificate)
    hash_of_issuer = keys.signature_hash(issuer_key.public_key())

    def run() -> Sample:
        start = time.perf_counter()
        for _ in range(count):
            key = generate()
            now = system_clock()
            certificate = (
                x509.CertificateBuilder()
                .subject_name(issuer.subject)
                .issuer_name(issuer.subject)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now)
                .not_valid_after(now + timedelta(days=3652))
                .sign(issuer_key.private, hash_of_issuer)
            )
            pkcs12.make(
                key=key,
                certificate=certificate,
                chain=[issuer, root],
                password="abcd-efgh-jkmn",
                friendly_name="floor",
                p12_format=P12Format.COMPAT,
            )
        return Sample(time.perf_counter() - start)

    return run


def _batch(home: Home, device: str, count: int) -> Run:
    """All of it, unlocking of the CA's key included."""
    requests = [IssuanceRequest.parse(User.parse(synthetic.user(i)), device) for i in range(count)]

    def run() -> Sample:
        start = time.perf_counter()
        for result in issuance.issue(home, requests, "new"):
            assert isinstance(result, Issued), result
        return Sample(time.perf_counter() - start)

    return run
