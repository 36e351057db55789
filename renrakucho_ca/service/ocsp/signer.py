"""Signing OCSP responses: a function of its input, for this process or for worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from renrakucho_ca.pki import der, ocsp, x509_certificates
from renrakucho_ca.pki.ocsp import Form, Period, ResponderKey
from renrakucho_ca.store.files.ocsp_responses import ResponseRecord
from renrakucho_ca.store.tables.ocsp_state import RecordedStatus


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

    def __call__(self, recorded_statuses: Sequence[RecordedStatus]) -> bytes:
        """The records of those certificates, one after another."""
        return b"".join(
            [
                ResponseRecord(*recorded, *self.sign(recorded)).encode(self.width)
                for recorded in recorded_statuses
            ]
        )

    def sign(self, recorded: RecordedStatus) -> tuple[bytes, bytes]:
        """The signatures of a certificate's two responses, by SHA-1 and by SHA-256.

        Raises:
            Invalid: the standing is damaged.
        """
        serial, revoked_at, reason = recorded
        number, status = der.integer(int(serial, 16)), ocsp.status(revoked_at, reason)
        sha1, sha256 = self._forms
        key = self._key
        return (
            ocsp.sign(key, sha1.to_be_signed(number, status)),
            ocsp.sign(key, sha256.to_be_signed(number, status)),
        )

    @cached_property
    def _key(self) -> ResponderKey:
        return ocsp.load_key(self.key)

    @cached_property
    def _forms(self) -> tuple[Form, Form]:
        responder = x509_certificates.load(self.responder)
        return (
            Form("sha1", self.issuer["sha1"], responder, self.period),
            Form("sha256", self.issuer["sha256"], responder, self.period),
        )
