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
    """Where a verifier finds what it needs about the issuer; None where there is no address.

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
    """All that goes into a CA's certificate: a root's, or that of a CA under one.

    Attributes:
        subject: a name of another certificate or request is taken as it stands there.
        identifier: what certificates under this CA call its key; None: it is derived from the key.
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
    """All that goes into a device's certificate."""

    profile: DeviceProfile
    subject: Subject
    serial: int
    validity: Validity
    public_key: PublicKey
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class ResponderContents:
    """All that goes into the certificate of a CA's OCSP responder."""

    subject: Subject
    serial: int
    validity: Validity
    public_key: PublicKey
    distribution: Distribution = Distribution()


def serial_number(randomness: Randomness) -> int:
    """A serial of 128 random bits under a leading one: positive and 17 octets (§4.1.2.2)."""
    return 1 << 128 | int.from_bytes(randomness(16), "big")
