"""CA keys in a token (PKCS #11, such as an HSM): find, generate, sign."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from renrakucho_ca.errors import Conflict, Invalid, Unavailable
from renrakucho_ca.model import KeyAlgorithm
from renrakucho_ca.pki import keys
from renrakucho_ca.pki.token_login import Access, login, translated_errors
from renrakucho_ca.token_uri import TokenUri

if TYPE_CHECKING:
    from types import ModuleType

# RFC 8017 §9.2 note 1: DigestInfo before the digest. RSA keys sign only SHA-256.
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class TokenKey:
    """A signing key (`keys.SigningKey`) that never leaves its token."""

    def __init__(self, access: Access, private: Any, public_key: keys.PublicKey) -> None:
        self._access = access
        self._private = private
        self._public_key = public_key

    def public_key(self) -> keys.PublicKey:
        return self._public_key

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a digest. Raise Unavailable if the token is gone or refuses.

        This process hashes: sending a CRL of 53 MB to a token takes long.
        """
        with translated_errors(self._access.uri) as pkcs11:
            if isinstance(self._public_key, ec.EllipticCurvePublicKey):
                raw = self._private.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
                # PKCS #11 §6.3.12: r and s, each as long as the curve's order.
                r, s = raw[: len(raw) // 2], raw[len(raw) // 2 :]
                return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
            info = _DIGEST_INFO + digest
            signature: bytes = self._private.sign(info, mechanism=pkcs11.Mechanism.RSA_PKCS)
            return signature

    def store(self, name: str, write: Callable[[str, bytes], object]) -> str:
        return self._access.uri.text

    def opener(self) -> Callable[[], keys.SigningKey]:
        return partial(get, self._access)


def find(access: Access) -> TokenKey | None:
    """Return the key that a URI names, or None.

    Raises:
        Unavailable: no module, token or login; the key may not sign, or has no public half.
        Conflict: two keys have that name. Invalid: it is not a key that we accept.
    """
    with translated_errors(access.uri) as pkcs11:
        session = login(pkcs11, access)
        private = _one(pkcs11, session, access.uri, pkcs11.ObjectClass.PRIVATE_KEY)
        if private is None:
            return None
        public = _one(pkcs11, session, access.uri, pkcs11.ObjectClass.PUBLIC_KEY)
        if public is None:
            raise Unavailable(
                "the token has no public key for the private key {uri}",
                hint="write the public key to the token with the same label and ID",
                uri=access.uri,
            )
        if not hasattr(private, "sign"):  # CKA_SIGN is false
            raise Unavailable("the key {uri} is not allowed to sign", uri=access.uri)
        return TokenKey(access, private, _public_key(pkcs11, public))


def get(access: Access) -> TokenKey:
    """Return the key that a URI names. Raise as `find`, and Unavailable if it is missing."""
    key = find(access)
    if key is None:
        raise Unavailable(
            "the token has no private key {uri}",
            hint="list its keys with `pkcs11-tool --list-objects --login`",
            uri=access.uri,
        )
    return key


def generate(access: Access, algorithm: KeyAlgorithm) -> TokenKey:
    """Generate a key pair in the token; its private key cannot be extracted.

    Raise as `find`, and Invalid if the URI has no `object`, which is the key's name.
    """
    uri = access.uri
    if uri.label is None:
        raise Invalid("a new key needs a name: object= in the pkcs11: URI")
    with translated_errors(uri) as pkcs11:
        named: dict[str, Any] = {
            "store": True,
            "label": uri.label,
            # It links the two halves.
            "id": uri.id or uri.label.encode(),
            "capabilities": pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
            "private_template": {
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
            },
        }
        # The process's one login is shared; the writing session is open only for this call.
        with login(pkcs11, access).token.open(rw=True) as writing:
            if algorithm in keys.CURVES:
                curve = pkcs11.util.ec.encode_named_curve_parameters(keys.CURVES[algorithm].name)
                writing.create_domain_parameters(
                    pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
                ).generate_keypair(**named)
            else:
                bits = keys.RSA_BITS[algorithm]
                writing.generate_keypair(pkcs11.KeyType.RSA, bits, **named)
    return get(access)


def _public_key(pkcs11: ModuleType, public: Any) -> keys.PublicKey:
    try:
        if public.key_type == pkcs11.KeyType.EC:
            der = pkcs11.util.ec.encode_ec_public_key(public)
        elif public.key_type == pkcs11.KeyType.RSA:
            der = pkcs11.util.rsa.encode_rsa_public_key(public)
        else:
            raise keys.not_accepted(public.key_type.name)
        key = serialization.load_der_public_key(der)
    except (ValueError, TypeError, AttributeError):
        raise Invalid("the public key cannot be read") from None
    return keys.accept(key)


def _one(pkcs11: ModuleType, session: Any, uri: TokenUri, object_class: Any) -> Any:
    wanted = {pkcs11.Attribute.CLASS: object_class}
    if uri.label is not None:
        wanted[pkcs11.Attribute.LABEL] = uri.label
    if uri.id is not None:
        wanted[pkcs11.Attribute.ID] = uri.id
    found = list(session.get_objects(wanted))
    if len(found) > 1:
        raise Conflict(
            "the token has {count} keys that match {uri}",
            hint="select one with id= in the URI",
            count=len(found),
            uri=uri,
        )
    return found[0] if found else None
