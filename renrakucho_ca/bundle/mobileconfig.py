"""Make the .mobileconfig with root, issuing CA and identity for an iPhone or iPad.

Keys and types follow Apple's schema (github.com/apple/device-management).
"""

from __future__ import annotations

import hashlib
import plistlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from renrakucho_ca.errors import Invalid
from renrakucho_ca.text import clean_text

# Any fixed value works. With another one, devices treat installed payloads as different.
_NAMESPACE = uuid.UUID("7c0a4f0e-5d3b-4b57-9b0e-0f6f3f0f7a51")

_IPHONE_OR_IPAD = 1

# No screen shows a longer name.
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Contents:
    """The content of one profile: plain values, which a worker process can receive.

    Attributes:
        identifier_prefix: reverse-DNS, such as `jp.example.ecn`.
        hierarchy: part of the identifiers, so that OLD and NEW can be installed together.
        user: the user's id.
        line: the number of the first certificate of the device's line; a re-issue keeps it, and
            so replaces the previous profile.
        network: the profile's name on the device.
        organization, description: shown with the profile.
        leaf_fingerprint_sha256: of the certificate in `p12`, hex.
        root: DER.
        issuing: DER; None in a flat hierarchy, where the root issues.
        p12: only leaf and key, in `compat` format.
        file_stem: the name of the .p12 without its suffix.
    """

    identifier_prefix: str
    hierarchy: str
    user: str
    line: str
    network: str
    organization: str
    description: str
    leaf_fingerprint_sha256: str
    root: bytes
    issuing: bytes | None
    p12: bytes
    file_stem: str


def make(contents: Contents) -> bytes:
    """Return the profile as an XML property list; equal contents give equal bytes.

    It has no Password key: a profile is not encrypted, and iOS asks the user. Raise Invalid if a
    name is empty, too long or unprintable.
    """
    identifier = _identifier(contents)
    payloads = [_ca_payload("root", contents.root, identifier)]
    if contents.issuing is not None:
        # Apple calls a certificate without key "pkcs1".
        payloads.append(_ca_payload("pkcs1", contents.issuing, identifier))
    payloads.append(
        _payload(
            "pkcs12",
            contents.p12,
            identifier,
            fingerprint=contents.leaf_fingerprint_sha256,
            display_name=_shown(contents.user, "user"),
            file_name=_shown(f"{contents.file_stem}.p12", "file name"),
        )
    )
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": identifier,
            "PayloadUUID": _uuid(identifier, contents.leaf_fingerprint_sha256),
            "PayloadDisplayName": _shown(contents.network, "network"),
            "PayloadOrganization": _shown(contents.organization, "organization"),
            "PayloadDescription": _shown(contents.description, "description"),
            "PayloadContent": payloads,
            # Without it, iOS 12.2 and later ask for which device the profile is.
            "TargetDeviceType": _IPHONE_OR_IPAD,
        }
    )


def sign(
    profile: bytes,
    *,
    certificate: x509.Certificate,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    chain: Sequence[x509.Certificate],
) -> bytes:
    """Return a signed profile: CMS SignedData (RFC 5652) in DER, with SHA-256.

    Raise Invalid if the key does not match the certificate.

    Args:
        profile: from `make`.
        certificate, key: the signer. A device that trusts its root shows "Verified".
        chain: the signer's CA certificates.
    """
    if key.public_key() != certificate.public_key():
        raise Invalid("the profile signing key does not match its certificate")
    builder = PKCS7SignatureBuilder().set_data(profile)
    builder = builder.add_signer(certificate, key, hashes.SHA256())
    for each in chain:
        builder = builder.add_certificate(each)
    # Without Binary, the library turns LF into CRLF, as for a mail.
    return builder.sign(Encoding.DER, [PKCS7Options.Binary])


def _identifier(contents: Contents) -> str:
    """Return the identifier: a device replaces an installed profile with the same one."""
    parts = {"hierarchy": contents.hierarchy, "user": contents.user, "line": contents.line}
    labels = (_label(_shown(text, what)) for what, text in parts.items())
    return ".".join((contents.identifier_prefix, *labels))


def _label(text: str) -> str:
    """Return the text if it can be a label between dots, else a hash of it.

    Capitals are hashed: no documentation says whether devices distinguish `A` from `a`.
    """
    if re.fullmatch(r"[a-z0-9-]{1,63}", text):
        return text
    return "sha256-" + hashlib.sha256(text.encode()).hexdigest()[:32]


def _ca_payload(kind: str, der: bytes, identifier: str) -> dict[str, object]:
    certificate = x509.load_der_x509_certificate(der)
    return _payload(
        kind,
        der,
        identifier,
        fingerprint=hashlib.sha256(der).hexdigest(),
        display_name=_shown(_name_of(certificate), "CA name"),
        file_name=f"{kind}.cer",
    )


def _payload(
    kind: str,
    content: bytes,
    identifier: str,
    *,
    fingerprint: str,
    display_name: str,
    file_name: str,
) -> dict[str, object]:
    """Return one payload. Its UUID depends on its certificate and its profile's identifier.

    When a profile is replaced, payloads with the same identifier and UUID are updated in place
    (CommonPayloadKeys): the root keeps the full trust that the user switched on. The profiles of
    OLD and NEW, or of two lines, share no payload, so that each can be removed alone.
    """
    own = f"{identifier}.{kind}"
    return {
        "PayloadType": f"com.apple.security.{kind}",
        "PayloadVersion": 1,
        "PayloadIdentifier": own,
        "PayloadUUID": _uuid(own, fingerprint),
        "PayloadDisplayName": display_name,
        "PayloadCertificateFileName": file_name,
        "PayloadContent": content,
    }


def _name_of(certificate: x509.Certificate) -> str:
    """Return the common name, under which devices list a CA, else the whole subject."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _uuid(identifier: str, fingerprint: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{identifier} {fingerprint.lower()}")).upper()


def _shown(text: str, what: str) -> str:
    return clean_text(text, what=what, longest=_LONGEST_TEXT)
