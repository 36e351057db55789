"""The expected content of a certificate, for the rules to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography import x509

from renrakucho_ca.certificate_profile import Constraints
from renrakucho_ca.pki.contents import Ca, EndEntity, ResponderContents


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected content of a certificate.

    Attributes:
        years: the longest validity.
        bound: the certificate's own constraints and policies.
        no_check: it is an OCSP responder's.
        identifier: of its key; None to derive it from the key.
        above: the CAs above the issuer.
    """

    request: Ca | EndEntity | ResponderContents
    issuer: x509.Certificate
    years: int
    key_usage: frozenset[str]
    bound: Constraints
    purposes: frozenset[str] = frozenset()
    path_length: int | None = None
    no_check: bool = False
    identifier: x509.SubjectKeyIdentifier | None = None
    above: tuple[x509.Certificate, ...] = ()


Rule = Callable[[x509.Certificate, Expected], Iterator[str]]
"""A generator of findings; a finding is one sentence in lower case."""
