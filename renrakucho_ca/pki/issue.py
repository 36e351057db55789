"""The one way to a device's certificate: build, lint under a throwaway key, sign, compare."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from renrakucho_ca.errors import Refused
from renrakucho_ca.pki.certificates import EndEntity, common_name, end_entity
from renrakucho_ca.pki.keys import PrivateKey, public_key_of, throwaway
from renrakucho_ca.pki.lint import enforce, lint


def issue(request: EndEntity, issuer: x509.Certificate, issuer_key: PrivateKey) -> x509.Certificate:
    """Signs a device's certificate, after the linter has seen the very bytes to be signed.

    The issuer's key touches nothing that the linter has not passed, because a signature cannot be
    taken back.

    Raises:
        Refused: the linter found something, the bytes differ from those it saw, or the key is not
            the issuer's.
        Invalid: the subject has a value that X.520 does not allow.
    """
    draft = end_entity(request, issuer, throwaway(public_key_of(issuer)))
    enforce(lint(draft, request, issuer))
    certificate = end_entity(request, issuer, issuer_key)
    if certificate.tbs_certificate_bytes != draft.tbs_certificate_bytes:
        raise Refused("the certificate to be signed is not the one that was linted")
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        raise Refused(
            "the signature does not verify under the issuer {issuer}",
            hint="the private key of the issuer is not that of its certificate, or is damaged",
            issuer=common_name(issuer),
        ) from None
    return certificate
