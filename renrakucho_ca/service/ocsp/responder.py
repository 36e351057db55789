"""Answer OCSP requests: with a pre-produced response, or with a signature of the responder's key.

The answer always agrees with the database. If the pre-produced response is behind a change, the
answer is tryLater (RFC 6960 §2.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Authority
from renrakucho_ca.pki import ocsp, ocsp_request, x509_certificates
from renrakucho_ca.pki.der import integer
from renrakucho_ca.pki.ocsp import Form, OcspError, Period, ResponderKey
from renrakucho_ca.pki.ocsp_request import CertId
from renrakucho_ca.service import store_state
from renrakucho_ca.service.home import Home
from renrakucho_ca.service.ocsp import delegated_responder, response_file
from renrakucho_ca.service.store_state import Action
from renrakucho_ca.store.files.ocsp_responses import Responses
from renrakucho_ca.store.sqlite.connection import seconds
from renrakucho_ca.store.tables import ca_certificates, hierarchies, ocsp_state
from renrakucho_ca.store.tables.ocsp_state import RecordedStatus

LARGEST = ocsp_request.LARGEST
TRY_LATER, INTERNAL_ERROR = OcspError.TRY_LATER.response, OcspError.INTERNAL_ERROR.response

LIVE = timedelta(hours=1)
"""The validity of a response signed for one request."""


@dataclass(frozen=True, slots=True)
class OcspResponse:
    """An OCSPResponse in DER; its period, or None for an unsigned error."""

    response: bytes
    period: Period | None = None


@dataclass(slots=True)
class _Desk:
    """The responses of one CA, once its file is open."""

    authority: Authority
    path: Path
    file: Responses | None = None

    def responses(self) -> Responses | None:
        """Return the newest file; None if there is none."""
        if self.file is None or not self.file.is_still(self.path):
            if self.file is not None:
                self.file.close()
            try:
                self.file = Responses(self.path)
            except FileNotFoundError:
                self.file = None
        if self.file is not None and self.file.head.authority != self.authority.fingerprint_sha256:
            return None
        return self.file


class OcspResponder:
    """Answers for all CAs of a home, in one thread. Keeps files and the portal's keys open."""

    def __init__(self) -> None:
        self._desks: dict[tuple[str, bytes], _Desk] = {}
        self._keys: dict[int, ResponderKey] = {}

    def answer(self, home: Home, hierarchy: str, data: bytes) -> OcspResponse:
        """Return the response to a DER request at the address of a hierarchy.

        Raises:
            NotFound: no such hierarchy. Unavailable: the store is busy, or a file is damaged.
            Refused: the store was restored, and may lack revocations.
        """
        try:
            request = ocsp_request.parse(data)
        except Invalid:
            return _failure(OcspError.MALFORMED_REQUEST)
        first = request.certificates[0]
        desk = self._desk(home, hierarchy, first)
        if desk is None or first.hash is None:
            # RFC 5019 §2.2.3: also for requests without an authoritative answer.
            return _failure(OcspError.UNAUTHORIZED)
        if any(each.issuer != first.issuer for each in request.certificates):
            # One CA's responder signs a response, which must cover the whole request (RFC 6960
            # §4.2.2.3).
            return _failure(OcspError.UNAUTHORIZED)
        store_state.require(home, Action.PUBLISH)
        now = home.clock()
        asked = request.certificates
        if request.nonce is not None or len(asked) > 1:
            live = self._signed_now(home, desk, asked, request.nonce, now)
            if live is not None:
                return live
        if len(asked) > 1:
            # A pre-produced response covers one certificate, as a request does (RFC 5019 §2.1.1).
            return _failure(OcspError.UNAUTHORIZED)
        return self._answer_one(home, desk, first, now)

    def _answer_one(self, home: Home, desk: _Desk, asked: CertId, now: datetime) -> OcspResponse:
        """Return the pre-produced response: no nonce, one certificate (RFC 5019 §2.2.1)."""
        serial = f"{asked.serial:x}"
        known = ocsp_state.known(home.db, desk.authority.id, serial)
        if known is not None and known.not_after <= now:
            return _failure(OcspError.UNAUTHORIZED)
        if known is not None and (signed := known.signed) is not None:
            period = Period(signed.this_update, signed.next_update)
            if signed.recorded == known.recorded and now < period.next_update:
                signature = signed.sha1 if asked.hash == "sha1" else signed.sha256
                return _whole(asked, signed.responder, period, known.recorded, signature)
        found = None
        responses = desk.responses()
        if responses is not None and now < responses.head.next_update:
            found = responses.find(serial)
        if responses is not None and found is not None:
            recorded = (found.serial, found.revoked_at, found.reason)
            if recorded == known.recorded if known else self._is_own(home, desk, asked):
                head = responses.head
                period = Period(head.this_update, head.next_update)
                signature = found.sha1 if asked.hash == "sha1" else found.sha256
                return _whole(asked, head.responder, period, recorded, signature)
        live = self._signed_now(home, desk, [asked], None, now)
        if live is not None:
            return live
        if known is None and not self._is_own(home, desk, asked):
            return _failure(OcspError.UNAUTHORIZED)
        return _failure(OcspError.TRY_LATER)

    def _is_own(self, home: Home, desk: _Desk, asked: CertId) -> bool:
        """Return whether a CA signed this certificate outside the store's certificates."""
        responder = ocsp_state.responder(home.db, desk.authority.id)
        hierarchy = hierarchies.get(home.db, desk.authority.hierarchy)
        return responder is not None and asked.serial in delegated_responder.own_serials(
            hierarchy, desk.authority, responder
        )

    def _signed_now(
        self,
        home: Home,
        desk: _Desk,
        asked: Sequence[CertId],
        nonce: bytes | None,
        now: datetime,
    ) -> OcspResponse | None:
        """Sign a response for this request; return None if the portal has no valid key.

        A certificate that was never issued is unknown (RFC 6960 §2.2).
        """
        responder = delegated_responder.current(home, desk.authority, now)
        if responder is None or responder.portal_key is None:
            return None
        if responder.id not in self._keys:
            self._keys[responder.id] = delegated_responder.portal_key_of(home, responder)
        key = self._keys[responder.id]
        hierarchy = hierarchies.get(home.db, desk.authority.hierarchy)
        period = delegated_responder.period(LIVE, hierarchy, desk.authority, responder, now)
        own = delegated_responder.own_serials(hierarchy, desk.authority, responder)
        first = asked[0]
        assert first.hash is not None
        form = _form(first.hash, first.issuer, responder.certificate, period)
        singles = []
        for each in asked:
            known = ocsp_state.known(home.db, desk.authority.id, f"{each.serial:x}")
            if known is not None and known.not_after <= now:
                return _failure(OcspError.UNAUTHORIZED)
            if known is not None:
                _, revoked_at, reason = known.recorded
                status = ocsp.status(revoked_at, reason)
            elif each.serial in own:
                status = ocsp.GOOD
            else:
                status = _status_of_ca(home, desk.authority, each.serial)
            singles.append(form.single(integer(each.serial), status))
        to_be_signed = ocsp.response_data(form, singles, nonce)
        return OcspResponse(form.response(to_be_signed, ocsp.sign(key, to_be_signed)), period)

    def _desk(self, home: Home, hierarchy: str, asked: CertId) -> _Desk | None:
        """Return the responses of the CA in a request; None if it is not in the hierarchy.

        Unknown CAs are looked up again, so a new one is found.
        """
        key = hierarchy, asked.issuer
        if key not in self._desks:
            for authority in hierarchies.get(home.db, hierarchy).authorities:
                desk = _Desk(authority, response_file.path_of(home, authority))
                for issuer in ocsp_request.issuer_hashes(authority.certificate).values():
                    self._desks.setdefault((hierarchy, issuer), desk)
        return self._desks.get(key)


def _status_of_ca(home: Home, authority: Authority, serial: int) -> bytes:
    """Return the status of a certificate that a root signed, such as a cross-certificate."""
    found = ca_certificates.serials_of(home.db, authority).get(serial)
    if found is None:
        return ocsp.UNKNOWN
    if found.revocation is None:
        return ocsp.GOOD
    return ocsp.status(seconds(found.revocation.at), found.revocation.reason)


def _failure(failure: OcspError) -> OcspResponse:
    return OcspResponse(failure.response)


def _whole(
    asked: CertId, responder: bytes, period: Period, recorded: RecordedStatus, signature: bytes
) -> OcspResponse:
    assert asked.hash is not None
    form = _form(asked.hash, asked.issuer, responder, period)
    _, revoked_at, reason = recorded
    status = ocsp.status(revoked_at, reason)
    return OcspResponse(
        form.response(form.to_be_signed(integer(asked.serial), status), signature), period
    )


@lru_cache(maxsize=64)
def _form(hash: str, issuer: bytes, responder: bytes, period: Period) -> Form:
    return Form(hash, issuer, x509_certificates.load(responder), period)
