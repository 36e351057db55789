"""The profile for iPhone and iPad: held against Apple's schema, and against what devices do."""

from __future__ import annotations

import hashlib
import pickle
import plistlib
import re
import subprocess
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from renrakucho_ca.bundle import mobileconfig
from renrakucho_ca.bundle.mobileconfig import Contents
from renrakucho_ca.errors import Invalid

from . import apple_schema
from .identities import Identity, make_identity

NAMES = ["hierarchy", "user", "line", "network", "organization", "description", "file_stem"]


@pytest.fixture
def contents(root: Identity, issuing: Identity) -> Contents:
    return Contents(
        identifier_prefix="jp.example.ecn",
        hierarchy="new",
        user="ichiro",
        line="67075623",
        network="見本市在宅医療ネット",
        organization="見本市",
        description="見本市の端末用証明書です。",
        leaf_fingerprint_sha256=hashlib.sha256(b"leaf").hexdigest(),
        root=root.der,
        issuing=issuing.der,
        p12=b"0\x82 a PKCS#12",
        file_stem="67075623",
    )


def read(contents: Contents) -> dict[str, Any]:
    profile: dict[str, Any] = plistlib.loads(mobileconfig.make(contents))
    return profile


def with_text(contents: Contents, field: str, text: str) -> Contents:
    changed: dict[str, Any] = {field: text}
    return replace(contents, **changed)


def payload(profile: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = (
        p for p in profile["PayloadContent"] if p["PayloadType"] == f"com.apple.security.{kind}"
    )
    return dict(found)


def identities(profile: dict[str, Any]) -> set[str]:
    """Every identifier and UUID of the profile and its payloads."""
    parts = [profile, *profile["PayloadContent"]]
    return {part[key] for part in parts for key in ("PayloadIdentifier", "PayloadUUID")}


# --- what Apple's schema asks


def test_a_profile_keeps_to_apples_schema(contents: Contents) -> None:
    apple_schema.require()
    assert apple_schema.violations(read(contents)) == []


def test_a_profile_of_a_flat_hierarchy_keeps_to_apples_schema(contents: Contents) -> None:
    apple_schema.require()
    assert apple_schema.violations(read(replace(contents, issuing=None))) == []


def test_a_profile_is_an_xml_property_list(contents: Contents) -> None:
    assert mobileconfig.make(contents).startswith(b'<?xml version="1.0" encoding="UTF-8"?>')


# --- what is in it


def test_a_profile_brings_root_then_issuing_ca_then_identity(contents: Contents) -> None:
    assert [(p["PayloadType"], p["PayloadContent"]) for p in read(contents)["PayloadContent"]] == [
        ("com.apple.security.root", contents.root),
        ("com.apple.security.pkcs1", contents.issuing),
        ("com.apple.security.pkcs12", contents.p12),
    ]


def test_a_flat_hierarchy_has_no_issuing_ca_to_bring(contents: Contents) -> None:
    types = [p["PayloadType"] for p in read(replace(contents, issuing=None))["PayloadContent"]]
    assert types == ["com.apple.security.root", "com.apple.security.pkcs12"]


def test_the_password_is_never_in_a_profile(contents: Contents) -> None:
    profile = read(contents)
    assert all("Password" not in part for part in [profile, *profile["PayloadContent"]])


def test_the_profile_shows_network_organization_and_description(contents: Contents) -> None:
    profile = read(contents)
    assert profile["PayloadDisplayName"] == "見本市在宅医療ネット"
    assert profile["PayloadOrganization"] == "見本市"
    assert profile["PayloadDescription"] == "見本市の端末用証明書です。"


def test_cas_are_shown_by_their_common_names(contents: Contents) -> None:
    profile = read(contents)
    assert payload(profile, "root")["PayloadDisplayName"] == "ecn.example.jp"
    assert payload(profile, "pkcs1")["PayloadDisplayName"] == "発行 CA <1> & Co"


def test_a_ca_without_common_name_is_shown_by_its_subject(contents: Contents) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    nameless = make_identity("見本市", key, None, ca=True, attribute=NameOID.ORGANIZATION_NAME)
    shown = payload(read(replace(contents, root=nameless.der)), "root")["PayloadDisplayName"]
    assert shown == "O=見本市"


def test_the_identity_is_shown_by_its_user_and_named_by_its_number(contents: Contents) -> None:
    identity = payload(read(contents), "pkcs12")
    assert identity["PayloadDisplayName"] == "ichiro"
    assert identity["PayloadCertificateFileName"] == "67075623.p12"


def test_a_profile_is_for_iphone_and_ipad(contents: Contents) -> None:
    assert read(contents)["TargetDeviceType"] == 1


def test_the_user_may_remove_a_profile(contents: Contents) -> None:
    assert not read(contents).keys() & {"PayloadRemovalDisallowed", "HasRemovalPasscode"}


# --- what replaces what


def test_the_same_contents_give_the_same_bytes_in_another_process_too(contents: Contents) -> None:
    travelled = pickle.loads(pickle.dumps(contents))
    assert mobileconfig.make(travelled) == mobileconfig.make(contents)


def test_the_identifier_carries_hierarchy_user_and_line(contents: Contents) -> None:
    assert read(contents)["PayloadIdentifier"] == "jp.example.ecn.new.ichiro.67075623"


def test_payload_identifiers_extend_the_identifier_of_the_profile(contents: Contents) -> None:
    profile = read(contents)
    own = [p["PayloadIdentifier"] for p in profile["PayloadContent"]]
    assert all(each.startswith(profile["PayloadIdentifier"] + ".") for each in own)
    assert len(set(own)) == 3


def test_a_reissue_of_the_line_replaces_the_profile_and_its_identity(contents: Contents) -> None:
    before = read(contents)
    after = read(
        replace(
            contents,
            p12=b"another",
            file_stem="67075624",
            leaf_fingerprint_sha256=hashlib.sha256(b"another").hexdigest(),
        )
    )
    assert after["PayloadIdentifier"] == before["PayloadIdentifier"]
    assert after["PayloadUUID"] != before["PayloadUUID"]
    assert payload(after, "pkcs12")["PayloadUUID"] != payload(before, "pkcs12")["PayloadUUID"]


def test_a_reissue_leaves_the_cas_where_they_are(contents: Contents) -> None:
    """The root keeps identifier and UUID, so it is not taken away with the user's trust in it."""
    before = read(contents)
    after = read(replace(contents, leaf_fingerprint_sha256=hashlib.sha256(b"another").hexdigest()))
    assert payload(after, "root") == payload(before, "root")
    assert payload(after, "pkcs1") == payload(before, "pkcs1")


def test_another_ca_under_the_same_identifier_is_another_payload(
    contents: Contents, root: Identity
) -> None:
    before, after = read(contents), read(replace(contents, issuing=root.der))
    assert payload(after, "pkcs1")["PayloadUUID"] != payload(before, "pkcs1")["PayloadUUID"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hierarchy", "old"),
        ("hierarchy", "New"),
        ("hierarchy", "新"),
        ("user", "jiro"),
        ("user", "Ichiro"),
        ("user", "ichiro@example.jp"),
        ("line", "67075624"),
    ],
)
def test_profiles_that_stand_side_by_side_share_nothing(
    field: str, value: str, contents: Contents
) -> None:
    """OLD and NEW, two lines, two users: each can be removed without touching the other."""
    here, there = read(contents), read(with_text(contents, field, value))
    assert not identities(here) & identities(there)


@pytest.mark.parametrize("field", ["hierarchy", "user"])
@pytest.mark.parametrize("value", ["訪問看護 一郎", "a.b", "A", "a/../b", "<&>", "😀", "x" * 300])
def test_identifiers_are_reverse_dns_for_any_name(
    field: str, value: str, contents: Contents
) -> None:
    identifier = read(with_text(contents, field, value))["PayloadIdentifier"]
    assert re.fullmatch(r"jp\.example\.ecn(\.[a-z0-9-]{1,63}){3}", identifier, re.ASCII)


def test_uuids_are_name_based(contents: Contents) -> None:
    profile = read(contents)
    parts = [profile, *profile["PayloadContent"]]
    assert {uuid.UUID(part["PayloadUUID"]).version for part in parts} == {5}


def test_a_fingerprint_is_the_same_in_capitals(contents: Contents) -> None:
    capitals = contents.leaf_fingerprint_sha256.upper()
    assert read(replace(contents, leaf_fingerprint_sha256=capitals)) == read(contents)


# --- names that mean harm


@pytest.mark.parametrize("field", ["network", "organization", "description"])
@pytest.mark.parametrize(
    "text", ["]]>", "<![CDATA[", "&lt;key&gt;", "</string><key>Password</key>", "😀", "名" * 300]
)
def test_a_text_is_shown_as_it_is(field: str, text: str, contents: Contents) -> None:
    shown = {
        "network": "PayloadDisplayName",
        "organization": "PayloadOrganization",
        "description": "PayloadDescription",
    }
    profile = read(with_text(contents, field, text))
    assert profile[shown[field]] == text
    assert profile.keys() == read(contents).keys()


@pytest.mark.parametrize("field", NAMES)
@pytest.mark.parametrize(
    "text", ["a\0b", "a\x1bb", "\x7f", "\ufffe", "\ud800", "\u202e", "x" * 1001]
)
def test_a_text_that_cannot_be_shown_is_refused(field: str, text: str, contents: Contents) -> None:
    with pytest.raises(Invalid):
        mobileconfig.make(with_text(contents, field, text))


@pytest.mark.parametrize("field", ["user", "network", "organization", "description"])
def test_an_empty_text_is_refused(field: str, contents: Contents) -> None:
    with pytest.raises(Invalid):
        mobileconfig.make(with_text(contents, field, " "))


def test_a_ca_with_an_unprintable_name_is_refused(contents: Contents) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    hostile = make_identity("ecn\x1b[2J", key, None, ca=True)
    with pytest.raises(Invalid):
        mobileconfig.make(replace(contents, root=hostile.der))


# --- the signature


@pytest.fixture
def signed(contents: Contents, leaf: Identity, issuing: Identity) -> bytes:
    return mobileconfig.sign(
        mobileconfig.make(contents),
        certificate=leaf.certificate,
        key=leaf.key,
        chain=[issuing.certificate],
    )


def openssl_verify(signed: bytes, root: Identity, folder: Path) -> tuple[int, bytes]:
    """Return the answer of openssl, given only the root, and the content that it reads."""
    (folder / "signed").write_bytes(signed)
    (folder / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    command = "openssl cms -verify -binary -inform DER -in signed -CAfile root.pem -purpose any"
    run = subprocess.run([*command.split(), "-out", "plain"], cwd=folder, capture_output=True)
    plain = folder / "plain"
    return run.returncode, plain.read_bytes() if plain.exists() else b""


def test_a_signed_profile_is_verified_by_openssl_and_read_back_byte_for_byte(
    signed: bytes, contents: Contents, root: Identity, tmp_path: Path
) -> None:
    assert openssl_verify(signed, root, tmp_path) == (0, mobileconfig.make(contents))


def test_a_signed_profile_that_was_changed_is_refused(
    signed: bytes, root: Identity, tmp_path: Path
) -> None:
    changed = signed.replace(b"<integer>1</integer>", b"<integer>0</integer>")
    assert changed != signed
    code, _ = openssl_verify(changed, root, tmp_path)
    assert code != 0


def test_the_signature_is_cms_in_der_around_the_profile_with_sha_256(
    signed: bytes, contents: Contents, leaf: Identity, issuing: Identity
) -> None:
    message = cms.ContentInfo.load(signed, strict=True)
    assert message["content_type"].native == "signed_data"
    inside = message["content"]
    assert inside["encap_content_info"]["content"].native == mobileconfig.make(contents)
    (signer,) = inside["signer_infos"]
    assert signer["digest_algorithm"]["algorithm"].native == "sha256"
    certificates = {each.chosen.dump() for each in inside["certificates"]}
    assert certificates == {leaf.der, issuing.der}


def test_line_ends_of_a_profile_survive_the_signature(leaf: Identity) -> None:
    for text in (b"a\nb\n", b"a\r\nb\r\n", b"\x00\x0d\x0a\x0a"):
        der = mobileconfig.sign(text, certificate=leaf.certificate, key=leaf.key, chain=[])
        inside = cms.ContentInfo.load(der)["content"]
        assert inside["encap_content_info"]["content"].native == text


def test_a_key_that_is_not_the_signers_is_refused(leaf: Identity, issuing: Identity) -> None:
    with pytest.raises(Invalid, match="does not match"):
        mobileconfig.sign(b"x", certificate=leaf.certificate, key=issuing.key, chain=[])
