"""The expected content of a certificate, for the rules to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography import x509

from renrakucho_ca.certificate_profile import Constraints, Subject
from renrakucho_ca.pki.contents import Distribution, Validity
from renrakucho_ca.pki.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected content of a certificate.

    Attributes:
        subject: a name that comes from another certificate stays byte for byte.
        identifier: of its key; None where it is to be derived from the key.
        above: the CAs above the issuer.
    """

    subject: Subject | x509.Name
    serial: int
    validity: Validity
    years: int
    public_key: PublicKey
    distribution: Distribution
    key_usage: frozenset[str]
    purposes: frozenset[str]
    path_length: int | None
    issuer: x509.Certificate
    bound: Constraints
    no_check: bool = False
    identifier: x509.SubjectKeyIdentifier | None = None
    above: tuple[x509.Certificate, ...] = ()


Rule = Callable[[x509.Certificate, Expected], Iterator[str]]
"""A generator of findings; a finding is one sentence in lower case."""
