"""What makes a certificate dear: key, signature, bundle. No disk, no database, no clock.

A `Maker` and its tasks can be sent to worker processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from renrakucho_ca.bundle import password, pkcs12
from renrakucho_ca.clock import Randomness
from renrakucho_ca.model import Container, DeviceProfile, RetrievalNumber, Subject, Tier
from renrakucho_ca.pki import certificates, keys, x509
from renrakucho_ca.pki.certificates import Distribution, EndEntity, Validity
from renrakucho_ca.pki.issue import issue
from renrakucho_ca.store.certificates import SealedBundle
from renrakucho_ca.store.keystore import Sealer


@dataclass(frozen=True, slots=True)
class Task:
    """One certificate to be made; its intent is recorded.

    Attributes:
        public_key: of a key that stays on the user's machine, as SubjectPublicKeyInfo in DER;
            None: make one.
        friendly_name: what the device calls the certificate.
    """

    number: RetrievalNumber
    serial: int
    profile: DeviceProfile
    subject: Subject
    validity: Validity
    distribution: Distribution
    friendly_name: str
    public_key: bytes | None


@dataclass(frozen=True, slots=True)
class Made:
    """What is to be recorded, and the password, which is told once."""

    der: bytes
    fingerprint_sha256: str
    key_algorithm: str
    password: str
    bundle: SealedBundle

    def __repr__(self) -> str:
        return f"Made({self.fingerprint_sha256})"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a maker works with. Plain values, so that it can be sent to a worker process.

    Attributes:
        issuer: the issuing CA's certificate, DER.
        issuer_key: its private key, PKCS#8 in DER.
        authorities: the certificates that may go along as chain, DER.
    """

    issuer: bytes
    issuer_key: bytes = field(repr=False)
    authorities: dict[Tier, bytes]
    bundle_sealer: Sealer
    password_sealer: Sealer
    random: Randomness


class Maker:
    """Makes certificates with their bundles under one issuing CA."""

    def __init__(self, secrets: Secrets) -> None:
        self._issuer = certificates.load(secrets.issuer)
        self._issuer_key = keys.from_pkcs8(secrets.issuer_key)
        self._authorities = {
            tier: certificates.load(der) for tier, der in secrets.authorities.items()
        }
        self._bundle_sealer = secrets.bundle_sealer
        self._password_sealer = secrets.password_sealer
        self._random = secrets.random

    def make(self, task: Task) -> Made:
        """Makes the key, the certificate, the password and the sealed bundle.

        Raises:
            Refused: the linter found something.
            Invalid: the subject or the name has what a certificate cannot carry.
        """
        key = None
        if task.public_key is None:
            key = keys.generate(task.profile.key_algorithm)
            public_key = key.public_key()
        else:
            public_key = keys.from_spki(task.public_key)
        request = EndEntity(
            profile=task.profile,
            subject=task.subject,
            serial=task.serial,
            validity=task.validity,
            public_key=public_key,
            distribution=task.distribution,
        )
        certificate = issue(request, self._issuer, self._issuer_key)
        secret = password.generate(self._random)
        if key is None:
            container = Container.PEM
            content = pkcs12.pem_chain(certificate, self._chain(Tier.ISSUING, Tier.ROOT))
        else:
            container = task.profile.container
            content = pkcs12.make(
                key=key,
                certificate=certificate,
                chain=self._chain(*task.profile.chain),
                password=secret,
                friendly_name=task.friendly_name,
                p12_format=task.profile.p12,
            )
        bundle = SealedBundle(
            container=container,
            sealed=self._bundle_sealer.seal(content, f"bundle {task.number}", self._random),
            sealed_password=self._password_sealer.seal(
                secret.encode(), f"password {task.number}", self._random
            ),
            password_hash=password.hash(secret, self._random),
        )
        return Made(
            der=certificates.to_der(certificate),
            fingerprint_sha256=certificates.fingerprint_sha256(certificate),
            key_algorithm=keys.describe(public_key),
            password=secret,
            bundle=bundle,
        )

    def _chain(self, *tiers: Tier) -> list[x509.Certificate]:
        """The CA certificates of those tiers, each once: in a flat hierarchy the root is both."""
        return list(dict.fromkeys(self._authorities[tier] for tier in tiers))
