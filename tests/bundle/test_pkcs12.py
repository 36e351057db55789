"""The bytes of a PKCS#12: desktop tools open nearly anything, phones do not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from asn1crypto import keys, pem
from asn1crypto import x509 as asn1_x509

from renrakucho_ca.bundle import pkcs12
from renrakucho_ca.certificate_profile import P12Format
from renrakucho_ca.errors import Invalid

from . import p12_reader
from .identities import Identity
from .p12_reader import OpenedPkcs12

PASSWORD = "k7mw-3hqp-xr4t"
NAME = "訪問看護ステーション 一郎 iPhone"

# The table of device formats, as observed on devices.
ENCRYPTION = {
    P12Format.COMPAT: p12_reader.PBE_SHA1_3DES,
    P12Format.MODERN: " ".join(
        (p12_reader.PBES2, p12_reader.PBKDF2, p12_reader.HMAC_SHA256, p12_reader.AES_256_CBC)
    ),
}
MAC = {P12Format.COMPAT: p12_reader.SHA1, P12Format.MODERN: p12_reader.SHA256}


def make(
    leaf: Identity,
    *chain: Identity,
    name: str = NAME,
    p12_format: P12Format = P12Format.COMPAT,
) -> bytes:
    return pkcs12.make(
        key=leaf.key,
        certificate=leaf.certificate,
        chain=[each.certificate for each in chain],
        password=PASSWORD,
        friendly_name=name,
        p12_format=p12_format,
    )


def opened(der: bytes) -> OpenedPkcs12:
    return p12_reader.read(der, PASSWORD)


@pytest.mark.parametrize("p12_format", P12Format)
def test_key_and_certificates_are_encrypted_as_the_devices_need(
    p12_format: P12Format, leaf: Identity, issuing: Identity
) -> None:
    bags = opened(make(leaf, issuing, p12_format=p12_format)).bags
    assert [bag.encryption for bag in bags] == [ENCRYPTION[p12_format]] * 3
    assert [bag.rounds for bag in bags] == [2048] * 3


@pytest.mark.parametrize("p12_format", P12Format)
def test_mac_is_as_the_devices_need(p12_format: P12Format, leaf: Identity) -> None:
    p12 = opened(make(leaf, p12_format=p12_format))
    assert (p12.mac_algorithm, p12.mac_rounds) == (MAC[p12_format], 2048)
    assert p12.mac_is_right


def test_leaf_comes_first_and_chain_in_the_order_given(
    leaf: Identity, issuing: Identity, root: Identity
) -> None:
    p12 = opened(make(leaf, issuing, root))
    assert [bag.content for bag in p12.certificates] == [leaf.der, issuing.der, root.der]


def test_a_bundle_without_chain_holds_the_leaf_alone(leaf: Identity) -> None:
    assert [bag.content for bag in opened(make(leaf)).certificates] == [leaf.der]


def test_the_key_is_that_of_the_leaf(leaf: Identity) -> None:
    key = keys.PrivateKeyInfo.load(opened(make(leaf)).key.content, strict=True)
    certificate = asn1_x509.Certificate.load(leaf.der)
    if key.algorithm == "rsa":
        inner = key["private_key"].parsed
        public = certificate.public_key["public_key"].parsed
        assert inner["modulus"].native == public["modulus"].native
    else:
        point = key["private_key"].parsed["public_key"].native
        assert point == certificate.public_key["public_key"].native
        assert key["private_key_algorithm"]["parameters"].native == "secp256r1"


def test_leaf_and_key_share_a_local_key_id_and_cas_have_none(
    leaf: Identity, issuing: Identity, root: Identity
) -> None:
    p12 = opened(make(leaf, issuing, root))
    own, *cas = p12.certificates
    assert own.local_key_id == p12.key.local_key_id
    assert own.local_key_id
    assert [ca.local_key_id for ca in cas] == [None, None]


def test_cas_have_no_friendly_name(leaf: Identity, issuing: Identity, root: Identity) -> None:
    own, *cas = opened(make(leaf, issuing, root)).certificates
    assert own.friendly_name is not None
    assert [ca.friendly_name for ca in cas] == [None, None]


@pytest.mark.parametrize("name", [NAME, "a", "]]> &lt; \"q\" 'q'", "📱 タブレット", "名" * 127])
def test_a_friendly_name_is_kept_as_it_is(name: str, ec_leaf: Identity) -> None:
    p12 = opened(make(ec_leaf, name=name))
    assert (p12.certificates[0].friendly_name, p12.key.friendly_name) == (name, name)


def test_a_friendly_name_has_no_dot(ec_leaf: Identity) -> None:
    p12 = opened(make(ec_leaf, name="ichiro@ecn.example.jp"))
    assert p12.certificates[0].friendly_name == "ichiro@ecn-example-jp"


@pytest.mark.parametrize(
    "name", ["", "  ", "a\0b", "a\nb", "\x1b[31m", "\u202egpj.exe", "\ud800", "名" * 300]
)
def test_a_friendly_name_that_cannot_be_shown_is_refused(name: str, ec_leaf: Identity) -> None:
    with pytest.raises(Invalid):
        make(ec_leaf, name=name)


@pytest.mark.parametrize("p12_format", P12Format)
def test_openssl_opens_it_with_the_password_alone(
    p12_format: P12Format, leaf: Identity, issuing: Identity, tmp_path: Path
) -> None:
    path = tmp_path / "67075623.p12"
    path.write_bytes(make(leaf, issuing, p12_format=p12_format))

    def openssl(password: str) -> int:
        command = ["openssl", "pkcs12", "-in", str(path), "-passin", "stdin", "-noout"]
        run = subprocess.run(command, input=f"{password}\n", text=True, capture_output=True)
        return run.returncode

    assert openssl(PASSWORD) == 0
    assert openssl("k7mw-3hqp-xr4s") != 0
    assert openssl("k7mw3hqpxr4t") != 0
    assert openssl("") != 0


def test_no_two_bundles_share_a_salt(ec_leaf: Identity) -> None:
    first, second = make(ec_leaf), make(ec_leaf)
    assert first != second


@pytest.mark.parametrize("password", ["", "パスワード"])
def test_a_password_that_devices_encode_differently_is_never_used(
    password: str, ec_leaf: Identity
) -> None:
    with pytest.raises(ValueError, match=r"Password|ascii"):
        pkcs12.make(
            key=ec_leaf.key,
            certificate=ec_leaf.certificate,
            chain=[],
            password=password,
            friendly_name=NAME,
            p12_format=P12Format.COMPAT,
        )


def test_a_pem_chain_holds_leaf_and_chain_in_order_and_no_key(
    leaf: Identity, issuing: Identity, root: Identity
) -> None:
    text = pkcs12.pem_chain(leaf.certificate, [issuing.certificate, root.certificate])
    blocks = [(kind, der) for kind, _, der in pem.unarmor(text, multiple=True)]
    assert blocks == [("CERTIFICATE", each.der) for each in (leaf, issuing, root)]
