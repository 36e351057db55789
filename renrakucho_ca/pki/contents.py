"""The content of each kind of certificate: the input of builder and linter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from renrakucho_ca.certificate_profile import CaProfile, DeviceProfile, Subject
from renrakucho_ca.clock import Randomness
from renrakucho_ca.errors import Invalid
from renrakucho_ca.pki.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last moment of a certificate (RFC 5280 §4.1.2.5): aware, in UTC, whole seconds."""

    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        if self.not_after <= self.not_before:
            raise Invalid(
                "the validity would end on {not_after}, before it begins on {not_before}",
                not_after=self.not_after.isoformat(),
                not_before=self.not_before.isoformat(),
            )


@dataclass(frozen=True, slots=True)
class Distribution:
    """Addresses of the issuer's data for verifiers; None for no address.

    Attributes:
        crl_url: the issuer's CRL (§4.2.1.13).
        ca_issuers_url: the issuer's certificate in DER (§4.2.2.1).
        ocsp_url: the issuer's OCSP responder (§4.2.2.1).
    """

    crl_url: str | None = None
    ca_issuers_url: str | None = None
    ocsp_url: str | None = None


@dataclass(frozen=True, slots=True)
class Ca:
    """The content of a CA's certificate: a root, or an issuing CA.

    Attributes:
        subject: a name from another certificate or request is copied unchanged.
        identifier: the subjectKeyIdentifier; None to derive it from the key.
    """

    profile: CaProfile
    subject: Subject | x509.Name
    serial: int
    validity: Validity
    public_key: PublicKey
    distribution: Distribution = Distribution()
    identifier: x509.SubjectKeyIdentifier | None = None


@dataclass(frozen=True, slots=True)
class EndEntity:
    """The content of a device's certificate."""

    profile: DeviceProfile
    subject: Subject
    serial: int
    validity: Validity
    public_key: PublicKey
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class ResponderContents:
    """The content of an OCSP responder's certificate."""

    subject: Subject
    serial: int
    validity: Validity
    public_key: PublicKey
    distribution: Distribution = Distribution()


def serial_number(randomness: Randomness) -> int:
    """Return a serial of 128 random bits after a leading one: positive, 17 octets (§4.1.2.2)."""
    return 1 << 128 | int.from_bytes(randomness(16), "big")
