"""Re-sign drafts with a CA's key, and verify signatures of any hash.

The library refuses the SHA-1 and MD5 of old CAs.
"""

from __future__ import annotations

from itertools import islice

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from renrakucho_ca.pki import der, keys

_BROKEN = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_MD5,
        SignatureAlgorithmOID.RSA_WITH_SHA1,
        SignatureAlgorithmOID.ECDSA_WITH_SHA1,
    }
)

_VERSION_FIELD = 0xA0  # TBSCertificate.version, [0] EXPLICIT


def re_sign(draft: bytes, key: keys.SigningKey) -> bytes:
    """Replace a draft's signature with one of another key of the same family and hash.

    Certificate (RFC 5280 §4.1), CertificateList (§5.1) and CertificationRequest (RFC 2986 §4.2) are
    all SEQUENCE { signed part, signatureAlgorithm, signatureValue }: the first two stay.

    Args:
        draft: DER, signed by `keys.lint_key` of the key's public half.
    """
    (whole,) = der.elements(draft)
    tbs, algorithm, _ = (field.whole for field in der.elements(whole.content))
    signature = der.encode(der.BIT_STRING, b"\0", keys.sign(key, tbs))
    return der.encode(der.SEQUENCE, bytes(tbs), bytes(algorithm), signature)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether the certificate names the issuer, and the issuer's key signed it."""
    data = certificate.public_bytes(serialization.Encoding.DER)
    tbs, _ = tbs_fields(data)
    return certificate.issuer == issuer.subject and verifies(
        issuer,
        certificate.signature,
        certificate.signature_hash_algorithm,
        certificate.signature_algorithm_parameters,
        tbs,
    )


def verifies(
    issuer: x509.Certificate,
    signature: bytes,
    algorithm: hashes.HashAlgorithm | None,
    parameters: object,
    tbs: memoryview,
) -> bool:
    """Return whether the issuer's key signed a to-be-signed part.

    Args:
        algorithm, parameters: of the signature's AlgorithmIdentifier.
    """
    key = issuer.public_key()
    try:
        match key:
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, bytes(tbs))
            case dsa.DSAPublicKey() if algorithm is not None:
                key.verify(signature, bytes(tbs), algorithm)
            case rsa.RSAPublicKey() if algorithm and isinstance(parameters, padding.PSS):
                key.verify(signature, bytes(tbs), parameters, algorithm)
            case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey() if algorithm is not None:
                return keys.verifies(key, signature, algorithm, tbs)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_broken(certificate: x509.Certificate) -> bool:
    """Return whether it is signed over SHA-1 or MD5, which allow collisions (RFC 8550 §4)."""
    return certificate.signature_algorithm_oid in _BROKEN


def tbs_fields(certificate: bytes) -> tuple[memoryview, list[der.Element]]:
    """Return TBSCertificate as signed, and its fields from serialNumber on, without a new encoding.
    The library must have parsed it.
    """
    (whole,) = der.elements(certificate)
    tbs = next(der.elements(whole.content))
    fields = list(islice(der.elements(tbs.content), 6))
    return tbs.whole, fields[1:] if fields[0].tag == _VERSION_FIELD else fields
