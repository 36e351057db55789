"""Sign OCSP responses, in this process or in workers."""

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
    """A responder with its key. Can be sent to a worker process.

    Attributes:
        issuer: the values that name the CA in requests, for each hash.
        responder, key: its certificate (DER) and key (PKCS#8, DER).
        width: the length of the serial numbers in the file of records.
    """

    issuer: dict[str, bytes]
    responder: bytes
    key: bytes = field(repr=False)
    period: Period
    width: int = 0

    def __call__(self, recorded_statuses: Sequence[RecordedStatus]) -> bytes:
        """Return the concatenated records of those certificates."""
        return b"".join(
            [
                ResponseRecord(*recorded, *self.sign(recorded)).encode(self.width)
                for recorded in recorded_statuses
            ]
        )

    def sign(self, recorded: RecordedStatus) -> tuple[bytes, bytes]:
        """Return a certificate's two responses' signatures, by SHA-1 and SHA-256.

        Raises Invalid if the recorded status is damaged.
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
