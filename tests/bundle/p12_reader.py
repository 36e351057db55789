"""An independent reader of PKCS#12: asn1crypto for the ASN.1, hashlib for the key derivations of
RFC 7292 appendix B and RFC 8018, the openssl program for the ciphers. Nothing of `cryptography`.
"""

from __future__ import annotations

import hashlib
import hmac
import subprocess
from dataclasses import dataclass
from typing import Any

from asn1crypto import pkcs12

PBE_SHA1_3DES = "1.2.840.113549.1.12.1.3"
PBES2 = "1.2.840.113549.1.5.13"
PBKDF2 = "1.2.840.113549.1.5.12"
AES_256_CBC = "2.16.840.1.101.3.4.1.42"
HMAC_SHA256 = "1.2.840.113549.2.9"
SHA1 = "1.3.14.3.2.26"
SHA256 = "2.16.840.1.101.3.4.2.1"

KEY_PURPOSE, IV_PURPOSE, MAC_PURPOSE = 1, 2, 3  # RFC 7292 appendix B.3


@dataclass(frozen=True)
class Bag:
    kind: str
    content: bytes
    encryption: str
    """OID of what encrypted it, with those of KDF, PRF and cipher for PBES2."""
    rounds: int
    friendly_name: str | None
    local_key_id: bytes | None


@dataclass(frozen=True)
class OpenedPkcs12:
    mac_algorithm: str
    mac_rounds: int
    mac_is_right: bool
    bags: list[Bag]

    @property
    def key(self) -> Bag:
        (key,) = (bag for bag in self.bags if bag.kind == "pkcs8_shrouded_key_bag")
        return key

    @property
    def certificates(self) -> list[Bag]:
        return [bag for bag in self.bags if bag.kind == "cert_bag"]


def read(der: bytes, password: str) -> OpenedPkcs12:
    pfx = pkcs12.Pfx.load(der, strict=True)
    mac = pfx["mac_data"]
    digest = mac["mac"]["digest_algorithm"]["algorithm"]
    bags: list[Bag] = []
    for part in pfx.authenticated_safe:
        if part["content_type"].native == "data":
            for bag in pkcs12.SafeContents.load(part["content"].native, strict=True):
                shrouded = bag["bag_value"]
                scheme = shrouded["encryption_algorithm"]
                plain = decrypt(scheme, shrouded["encrypted_data"].native, password)
                bags.append(_bag(bag, plain, scheme))
        else:
            info = part["content"]["encrypted_content_info"]
            scheme = info["content_encryption_algorithm"]
            plain = decrypt(scheme, info["encrypted_content"].native, password)
            for bag in pkcs12.SafeContents.load(plain, strict=True):
                bags.append(_bag(bag, bag["bag_value"]["cert_value"].parsed.dump(), scheme))
    rounds = mac["iterations"].native
    size = hashlib.new(digest.native).digest_size
    mac_key = b2(digest.native, password, mac["mac_salt"].native, MAC_PURPOSE, rounds, size)
    expected = hmac.digest(mac_key, pfx["auth_safe"]["content"].native, digest.native)
    return OpenedPkcs12(digest.dotted, rounds, expected == mac["mac"]["digest"].native, bags)


def decrypt(scheme: Any, data: bytes, password: str) -> bytes:
    parameters = scheme["parameters"]
    if scheme["algorithm"].dotted == PBE_SHA1_3DES:
        salt, rounds = parameters["salt"].native, parameters["iterations"].native
        key = b2("sha1", password, salt, KEY_PURPOSE, rounds, 24)
        iv = b2("sha1", password, salt, IV_PURPOSE, rounds, 8)
        return _openssl_decrypt("-des-ede3-cbc", key, iv, data)
    kdf = parameters["key_derivation_func"]["parameters"]
    salt, rounds = kdf["salt"].native, kdf["iteration_count"].native
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds, 32)
    iv = parameters["encryption_scheme"]["parameters"].native
    return _openssl_decrypt("-aes-256-cbc", key, iv, data)


def b2(digest: str, password: str, salt: bytes, purpose: int, rounds: int, size: int) -> bytes:
    """RFC 7292 appendix B.2, for hashes whose block is 64 bytes."""
    block = 64

    def fill(piece: bytes) -> bytes:
        length = -(-len(piece) // block) * block
        return (piece * (length // len(piece) + 1))[:length]

    state = fill(salt) + fill(password.encode("utf-16-be") + b"\0\0")
    derived = b""
    while len(derived) < size:
        piece = bytes([purpose]) * block + state
        for _ in range(rounds):
            piece = hashlib.new(digest, piece).digest()
        derived += piece
        addend = int.from_bytes(fill(piece)[:block], "big") + 1
        state = b"".join(
            ((int.from_bytes(state[i : i + block], "big") + addend) % 2 ** (8 * block)).to_bytes(
                block, "big"
            )
            for i in range(0, len(state), block)
        )
    return derived[:size]


def _openssl_decrypt(cipher: str, key: bytes, iv: bytes, data: bytes) -> bytes:
    # The key of a test's own bundle; a real one never goes into arguments.
    command = ["openssl", "enc", "-d", cipher, "-K", key.hex(), "-iv", iv.hex()]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def _bag(bag: Any, content: bytes, scheme: Any) -> Bag:
    attributes = bag["bag_attributes"]
    named = {a["type"].native: a["values"][0].native for a in attributes} if attributes else {}
    return Bag(
        kind=bag["bag_id"].native,
        content=content,
        encryption=_describe(scheme),
        rounds=_rounds(scheme),
        friendly_name=named.get("friendly_name"),
        local_key_id=named.get("local_key_id"),
    )


def _describe(scheme: Any) -> str:
    oid = str(scheme["algorithm"].dotted)
    if oid != PBES2:
        return oid
    kdf = scheme["parameters"]["key_derivation_func"]
    cipher = scheme["parameters"]["encryption_scheme"]
    prf = kdf["parameters"]["prf"]["algorithm"].dotted
    return " ".join((oid, kdf["algorithm"].dotted, prf, cipher["algorithm"].dotted))


def _rounds(scheme: Any) -> int:
    if scheme["algorithm"].dotted == PBES2:
        kdf = scheme["parameters"]["key_derivation_func"]["parameters"]
        return int(kdf["iteration_count"].native)
    return int(scheme["parameters"]["iterations"].native)
