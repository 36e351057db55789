"""Made-up hierarchies, requests and outside judges for the tests of `pki`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import x509 as asn1
from cryptography import x509

from renrakucho_ca.certificate_profile import (
    CaProfile,
    DeviceProfile,
    ExtendedKeyUsage,
    KeyUsage,
    P12Format,
    Subject,
    SubjectAttribute,
)
from renrakucho_ca.model import Container, KeyAlgorithm, Tier
from renrakucho_ca.pki import builder, x509_certificates
from renrakucho_ca.pki.contents import Ca, Distribution, EndEntity, Validity, serial_number
from renrakucho_ca.pki.issue import issue_root
from renrakucho_ca.pki.keys import MemoryKey, PrivateKey, PublicKey

BEGIN = datetime(2026, 2, 2, 3, 4, 5, tzinfo=UTC)
ROOT_VALIDITY = Validity(BEGIN, BEGIN.replace(year=2056))
ISSUING_VALIDITY = Validity(BEGIN, BEGIN.replace(year=2046))
DEVICE_VALIDITY = Validity(BEGIN, BEGIN.replace(year=2036))

NOWHERE = Distribution()
EVERYWHERE = Distribution(
    crl_url="http://ca.example.jp/crl/new-issuing.crl",
    ca_issuers_url="http://ca.example.jp/ca/new-issuing.crt",
    ocsp_url="http://ca.example.jp/ocsp/new",
)

ROOT_SUBJECT: Subject = (
    (SubjectAttribute.COUNTRY, "JP"),
    (SubjectAttribute.ORGANIZATION, "みどり市在宅連携"),
    (SubjectAttribute.COMMON_NAME, "ecn.example.jp"),
)
ISSUING_SUBJECT: Subject = (
    (SubjectAttribute.COUNTRY, "JP"),
    (SubjectAttribute.COMMON_NAME, "ecn.example.jp 発行CA"),
)
DEVICE_SUBJECT: Subject = (
    (SubjectAttribute.COUNTRY, "JP"),
    (SubjectAttribute.ORGANIZATION, "みどり市在宅連携"),
    (SubjectAttribute.ORGANIZATIONAL_UNIT, "訪問看護ステーション例"),
    (SubjectAttribute.COMMON_NAME, "hanako.rei"),
)

DEVICE = DeviceProfile(
    name="windows",
    title={"ja": "Windows", "en": "Windows"},
    key_algorithm=KeyAlgorithm.EC_P256,
    validity_years=10,
    subject=DEVICE_SUBJECT,
    key_usage=frozenset({KeyUsage.DIGITAL_SIGNATURE}),
    extended_key_usage=(ExtendedKeyUsage.CLIENT_AUTH,),
    container=Container.P12,
    p12=P12Format.COMPAT,
    chain=(Tier.ISSUING,),
)


def ca_profile(tier: Tier) -> CaProfile:
    return CaProfile(
        name=tier.value,
        tier=tier,
        key_algorithm=KeyAlgorithm.EC_P384,
        validity_years=30 if tier is Tier.ROOT else 20,
        subject=(),
        path_length=1 if tier is Tier.ROOT else 0,
        crl_days=30,
    )


def serial(seed: int) -> int:
    """A serial number as `serial_number` makes it, from bytes that a test can foresee."""
    return serial_number(lambda length: bytes([seed]) * length)


@dataclass(frozen=True)
class SampleHierarchy:
    """A hierarchy with both private keys, and a device's key pair of the same family."""

    root: x509.Certificate
    root_key: PrivateKey
    issuing: x509.Certificate
    issuing_key: PrivateKey
    device_key: PublicKey


def make(
    root_key: PrivateKey,
    issuing_key: PrivateKey,
    device_key: PublicKey,
    distribution: Distribution = EVERYWHERE,
) -> SampleHierarchy:
    root = issue_root(
        ca_profile(Tier.ROOT), ROOT_SUBJECT, serial(1), ROOT_VALIDITY, MemoryKey(root_key)
    )
    request = Ca(
        ca_profile(Tier.ISSUING),
        ISSUING_SUBJECT,
        serial(2),
        ISSUING_VALIDITY,
        issuing_key.public_key(),
        distribution,
    )
    issuing = builder.issuing(request, root, root_key)
    return SampleHierarchy(root, root_key, issuing, issuing_key, device_key)


def request_for(key: PublicKey, distribution: Distribution = EVERYWHERE) -> EndEntity:
    return EndEntity(
        profile=DEVICE,
        subject=DEVICE_SUBJECT,
        serial=serial(3),
        validity=DEVICE_VALIDITY,
        public_key=key,
        distribution=distribution,
    )


def reread(certificate: x509.Certificate) -> asn1.Certificate:
    """The same bytes through a parser that shares no code with the one that wrote them."""
    return asn1.Certificate.load(x509_certificates.to_der(certificate), strict=True)


def altered(
    certificate: x509.Certificate, change: Callable[[asn1.Certificate], None]
) -> x509.Certificate:
    """The certificate with one fault. Its signature no longer holds, which no linter looks at."""
    copy = reread(certificate)
    change(copy)
    return x509.load_der_x509_certificate(copy.dump(force=True))


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=False
    )
