"""Signing OCSP responses: a function of its input, for this process or for worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from renrakucho_ca.pki import certificates, keys, ocsp
from renrakucho_ca.pki.keys import PrivateKey
from renrakucho_ca.pki.ocsp import Form, Period
from renrakucho_ca.store.ocsp import Standing, revocation_of
from renrakucho_ca.store.ocspfile import Record


@dataclass(frozen=True)
class Signer:
    """A responder at work. Can be sent to a worker process.

    Attributes:
        issuer: by which values requests name the CA, for each hash.
        responder: its certificate, DER.
        key: its key, PKCS#8 in DER.
        width: the length of the serial numbers in the file of records.
    """

    issuer: dict[str, bytes]
    responder: bytes
    key: bytes = field(repr=False)
    period: Period
    width: int = 0

    def __call__(self, standings: Sequence[Standing]) -> bytes:
        """The records of those certificates, one after another."""
        return b"".join(
            [Record(*standing, *self.sign(standing)).encode(self.width) for standing in standings]
        )

    def sign(self, standing: Standing) -> tuple[bytes, bytes]:
        """The signatures of a certificate's two responses, by SHA-1 and by SHA-256."""
        serial, status = int(standing[0], 16), ocsp.status(revocation_of(standing))
        sha1, sha256 = (
            ocsp.sign(self._key, form.to_be_signed(serial, status)) for form in self._forms
        )
        return sha1, sha256

    @cached_property
    def _key(self) -> PrivateKey:
        return keys.from_pkcs8(self.key)

    @cached_property
    def _forms(self) -> tuple[Form, Form]:
        responder = certificates.load(self.responder)
        return (
            Form("sha1", self.issuer["sha1"], responder, self.period),
            Form("sha256", self.issuer["sha256"], responder, self.period),
        )
