"""The judge of profiles judged: it lets a right profile pass, and names what is wrong in others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from . import apple_schema

Profile = dict[str, Any]


@pytest.fixture(autouse=True)
def schema() -> None:
    apple_schema.require()


@pytest.fixture
def profile() -> Profile:
    """The smallest profile with one certificate that the schema allows."""
    return {
        "PayloadIdentifier": "com.example.profile",
        "PayloadUUID": "B3D1A4D2-0F2C-4C4B-9E83-5F6E2C1B7A10",
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadContent": [
            {
                "PayloadIdentifier": "com.example.profile.identity",
                "PayloadUUID": "B3D1A4D2-0F2C-4C4B-9E83-5F6E2C1B7A11",
                "PayloadType": "com.apple.security.pkcs12",
                "PayloadVersion": 1,
                "PayloadContent": b"\x30\x00",
            }
        ],
    }


def test_a_right_profile_passes(profile: Profile) -> None:
    assert apple_schema.violations(profile) == []


@pytest.mark.parametrize(
    ("key", "value", "violation"),
    [
        ("PayloadColour", "red", "profile: unknown key PayloadColour"),
        ("PayloadVersion", "1", "profile: PayloadVersion is not <integer>"),
        ("PayloadVersion", True, "profile: PayloadVersion is not <integer>"),
        ("PayloadVersion", 2, "profile: PayloadVersion is not one of [1]"),
        ("PayloadDisplayName", b"x", "profile: PayloadDisplayName is not <string>"),
        ("RemovalDate", "2026-08-01", "profile: RemovalDate is not <date>"),
        ("TargetDeviceType", 9, "profile: TargetDeviceType is not one of [0, 1, 2, 3, 4, 5, 6]"),
        ("PayloadContent", {}, "profile: PayloadContent is not <array>"),
    ],
)
def test_a_wrong_key_of_the_profile_is_named(
    key: str, value: object, violation: str, profile: Profile
) -> None:
    assert apple_schema.violations(profile | {key: value}) == [violation]


@pytest.mark.parametrize(
    ("key", "value", "violation"),
    [
        ("Passwort", "x", "com.apple.security.pkcs12: unknown key Passwort"),
        ("PayloadContent", "MAA=", "com.apple.security.pkcs12: PayloadContent is not <data>"),
        ("KeyIsExtractable", False, "com.apple.security.pkcs12: KeyIsExtractable is not for iOS"),
        ("PayloadType", "com.apple.nothing", "payload: unknown PayloadType 'com.apple.nothing'"),
        ("PayloadType", None, "payload: unknown PayloadType None"),
    ],
)
def test_a_wrong_key_of_a_payload_is_named(
    key: str, value: object, violation: str, profile: Profile
) -> None:
    profile["PayloadContent"][0][key] = value
    assert apple_schema.violations(profile) == [violation]


@pytest.mark.parametrize("key", ["PayloadIdentifier", "PayloadUUID", "PayloadType"])
def test_a_missing_key_of_the_profile_is_named(key: str, profile: Profile) -> None:
    del profile[key]
    assert apple_schema.violations(profile) == [f"profile: {key} is missing"]


@pytest.mark.parametrize("key", ["PayloadIdentifier", "PayloadUUID", "PayloadContent"])
def test_a_missing_key_of_a_payload_is_named(key: str, profile: Profile) -> None:
    del profile["PayloadContent"][0][key]
    assert apple_schema.violations(profile) == [f"com.apple.security.pkcs12: {key} is missing"]


def test_payloads_that_share_an_identifier_are_named(profile: Profile) -> None:
    twin = profile["PayloadContent"][0] | {"PayloadUUID": "B3D1A4D2-0F2C-4C4B-9E83-5F6E2C1B7A12"}
    profile["PayloadContent"].append(twin)
    assert apple_schema.violations(profile) == [
        "PayloadIdentifier com.example.profile.identity stands 2 times"
    ]


def test_a_payload_with_the_uuid_of_its_profile_is_named(profile: Profile) -> None:
    profile["PayloadContent"][0]["PayloadUUID"] = profile["PayloadUUID"]
    assert apple_schema.violations(profile) == [
        f"PayloadUUID {profile['PayloadUUID']} stands 2 times"
    ]


def test_optional_keys_of_the_right_type_pass(profile: Profile) -> None:
    profile |= {"RemovalDate": datetime(2026, 8, 1), "DurationUntilRemoval": 60.0}
    assert apple_schema.violations(profile) == []


def test_without_the_schema_a_test_is_skipped_and_in_ci_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(apple_schema, "FOLDER", tmp_path / "shared" / "nothing")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not at shared/nothing"):
        apple_schema.require()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="not at shared/nothing"):
        apple_schema.require()
