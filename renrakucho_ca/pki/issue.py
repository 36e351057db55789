"""Issue certificates: build, lint under a lint key, re-sign the same bytes."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from renrakucho_ca.certificate_profile import CaProfile, Subject
from renrakucho_ca.errors import Refused
from renrakucho_ca.pki import der
from renrakucho_ca.pki.builder import ca_request, end_entity, issuing, responder, root
from renrakucho_ca.pki.contents import Ca, Distribution, EndEntity, ResponderContents, Validity
from renrakucho_ca.pki.keys import SigningKey, lint_key, public_key_of, to_spki
from renrakucho_ca.pki.lint import enforce, lint, lint_ca, lint_responder
from renrakucho_ca.pki.signatures import re_sign
from renrakucho_ca.pki.x509_certificates import common_name


def issue(
    request: EndEntity,
    issuer: x509.Certificate,
    issuer_key: SigningKey,
    *above: x509.Certificate,
) -> x509.Certificate:
    """Sign a device's certificate after the linter has passed the same bytes.

    A signature cannot be taken back, so the issuer's key signs only linted bytes. The signature is
    not verified: with a P-384 issuer that takes longer than the rest (0.56 ms of 1.1). `check_pair`
    proves the key once, when it is loaded, and OpenSSL checks its RSA results, since a wrong one
    would reveal the key.

    Args:
        above: the CAs above the issuer, whose constraints apply too.

    Raises:
        Refused: the linter found something, or the key is not the issuer's.
        Invalid: the subject has a value that X.520 does not allow.
    """
    draft = end_entity(request, issuer, lint_key(public_key_of(issuer)))
    enforce(lint(draft, request, issuer, *above))
    return _re_signed(draft, issuer, issuer_key)


def issue_responder(
    request: ResponderContents, issuer: x509.Certificate, issuer_key: SigningKey
) -> x509.Certificate:
    """Sign an OCSP responder's certificate. Raise as `issue` does."""
    draft = responder(request, issuer, lint_key(public_key_of(issuer)))
    enforce(lint_responder(draft, request, issuer))
    return _re_signed(draft, issuer, issuer_key)


def issue_ca(request: Ca, issuer: x509.Certificate, issuer_key: SigningKey) -> x509.Certificate:
    """Sign a CA's certificate. Raise as `issue` does."""
    draft = issuing(request, issuer, lint_key(public_key_of(issuer)))
    enforce(lint_ca(draft, request, issuer))
    return _re_signed(draft, issuer, issuer_key)


def issue_root(
    profile: CaProfile, subject: Subject, serial: int, validity: Validity, key: SigningKey
) -> x509.Certificate:
    """Sign a root's certificate with the root's own key. Raise as `issue` does."""
    request = Ca(profile, subject, serial, validity, key.public_key())
    draft = root(request, lint_key(request.public_key))
    enforce(lint_ca(draft, request, draft))
    return _re_signed(draft, draft, key)


def request_ca(
    profile: CaProfile, subject: Subject, distribution: Distribution, key: SigningKey
) -> bytes:
    """Return a request for the certificate of a CA with this key (`builder.ca_request`)."""
    public_key = key.public_key()
    draft = ca_request(profile, subject, public_key, distribution, lint_key(public_key))
    (whole,) = der.elements(draft)
    info, algorithm, signature = der.elements(whole.content)
    # The library has put the lint key into subjectPKInfo (RFC 2986 §4.1).
    version, name, _, attributes = (bytes(field.whole) for field in der.elements(info.content))
    own = der.encode(der.SEQUENCE, version, name, to_spki(public_key), attributes)
    return re_sign(
        der.encode(der.SEQUENCE, own, bytes(algorithm.whole), bytes(signature.whole)), key
    )


def _re_signed(
    draft: x509.Certificate, issuer: x509.Certificate, issuer_key: SigningKey
) -> x509.Certificate:
    """Return the draft with the issuer's own signature."""
    if issuer_key.public_key() != public_key_of(issuer):
        raise Refused(
            "the private key does not belong to the issuer {issuer}", issuer=common_name(issuer)
        )
    return x509.load_der_x509_certificate(
        re_sign(draft.public_bytes(serialization.Encoding.DER), issuer_key)
    )
