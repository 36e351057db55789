"""Profiles: the shipped ones, the rules for a profile, and the subjects made from it."""

from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renrakucho_ca import profiles
from renrakucho_ca.certificate_profile import (
    DeviceProfile,
    ExtendedKeyUsage,
    KeyUsage,
    P12Format,
    Subject,
    SubjectAttribute,
)
from renrakucho_ca.errors import Invalid, NotFound, RcaError
from renrakucho_ca.model import Container, KeyAlgorithm, Tier
from renrakucho_ca.profiles import subjects

DEVICE = """\
kind: device
title: {en: Tablet, ja: タブレット}
key_algorithm: ec-p256
validity_years: 10
subject:
  common_name: "{user}"
key_usage: [digitalSignature]
extended_key_usage: [clientAuth]
container: p12
p12: compat
chain: [issuing]
"""

CA = """\
kind: root
key_algorithm: ec-p384
validity_years: 30
subject:
  common_name: "{common_name}"
path_length: 1
crl_days: 365
"""

COMMON_NAME = SubjectAttribute.COMMON_NAME
ORGANIZATION = SubjectAttribute.ORGANIZATION
UNIT = SubjectAttribute.ORGANIZATIONAL_UNIT


def edited(text: str, line: str) -> str:
    """The text with one of its top-level lines, found by its key, in other words."""
    key = line.split(":")[0]
    result, count = re.subn(rf"(?m)^{key}:.*$", lambda _: line, text)
    assert count == 1
    return result


def device(folder: Path, text: str) -> DeviceProfile:
    (folder / "tablet.yaml").write_text(text, encoding="utf-8")
    return profiles.load(folder, "tablet")


def refusal(path: Path, text: str) -> str:
    """Return the error for a file with that text, without its folder; the hint follows a bar."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        profiles.check(path)
    return said(caught.value).removeprefix(f"{path.parent}/")


def said(error: RcaError) -> str:
    hint = f" | {error.hint.format(**error.values)}" if error.hint else ""
    return f"{error}{hint}"


class TestShipped:
    """The shipped profiles match real devices (the table of device formats)."""

    def test_a_profile_for_each_kind_of_device(self) -> None:
        assert profiles.names(profiles.shipped()) == ["android", "ipad", "iphone", "mac", "windows"]

    @pytest.mark.parametrize(
        ("name", "title", "algorithm", "container", "chain"),
        [
            ("windows", "Windows", KeyAlgorithm.RSA_3072, Container.P12, (Tier.ISSUING,)),
            ("mac", "Mac", KeyAlgorithm.EC_P256, Container.P12, (Tier.ISSUING,)),
            ("android", "Android", KeyAlgorithm.EC_P256, Container.P12, (Tier.ISSUING,)),
            ("iphone", "iPhone", KeyAlgorithm.EC_P256, Container.MOBILECONFIG, ()),
            ("ipad", "iPad", KeyAlgorithm.EC_P256, Container.MOBILECONFIG, ()),
        ],
    )
    def test_device(
        self,
        name: str,
        title: str,
        algorithm: KeyAlgorithm,
        container: Container,
        chain: tuple[Tier, ...],
    ) -> None:
        assert profiles.load(profiles.shipped(), name) == DeviceProfile(
            name=name,
            title={"en": title, "ja": title},
            key_algorithm=algorithm,
            validity_years=10,
            subject=(
                (ORGANIZATION, "{organization}"),
                (UNIT, "{network}"),
                (COMMON_NAME, "{user}"),
            ),
            key_usage=frozenset({KeyUsage.DIGITAL_SIGNATURE}),
            extended_key_usage=(ExtendedKeyUsage.CLIENT_AUTH,),
            container=container,
            p12=P12Format.COMPAT,
            chain=chain,
        )

    @pytest.mark.parametrize(
        ("tier", "years", "path_length", "crl_days", "common_name"),
        [
            (Tier.ROOT, 30, 2, 365, "ca.example.jp"),
            (Tier.ISSUING, 25, 0, 14, "ca.example.jp Issuing CA"),
        ],
    )
    def test_ca(
        self, tier: Tier, years: int, path_length: int, crl_days: int, common_name: str
    ) -> None:
        profile = profiles.load_ca(profiles.shipped(), tier)
        assert profile.tier is tier
        assert profile.key_algorithm is KeyAlgorithm.EC_P384
        assert profile.validity_years == years
        assert (profile.path_length, profile.crl_days) == (path_length, crl_days)
        values = {"common_name": "ca.example.jp", "hierarchy": "new", "organization": None}
        subject = subjects.render(profile.subject, values)
        assert subject == ((UNIT, "new"), (COMMON_NAME, common_name))

    def test_old_and_new_issuers_of_one_common_name_have_names_of_their_own(self) -> None:
        template = profiles.load_ca(profiles.shipped(), Tier.ISSUING).subject
        values = {"common_name": "ca.example.jp", "organization": "Example City"}
        old, new = (
            subjects.render(template, {**values, "hierarchy": name}) for name in ("old", "new")
        )
        assert old != new

    @pytest.mark.parametrize("path", sorted(profiles.shipped().glob("*")), ids=lambda p: p.name)
    def test_each_is_sound_and_nothing_to_warn_of(self, path: Path) -> None:
        assert profiles.warnings(profiles.check(path)) == []

    @pytest.mark.parametrize("path", sorted(profiles.shipped().glob("*")), ids=lambda p: p.name)
    def test_each_key_is_explained(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        keys = [number for number, line in enumerate(lines) if re.match(r"[a-z]", line)]
        assert len(keys) >= 6
        assert [lines[n] for n in keys if not lines[n - 1].startswith("# ")] == []

    def test_the_package_has_them_when_it_is_installed(self) -> None:
        pyproject = Path(__file__).parent.parent / "pyproject.toml"
        assert '"profiles" = "renrakucho_ca/shipped/profiles"' in pyproject.read_text()


class TestDevice:
    def test_an_operator_adds_a_device_by_copying_a_file(self, tmp_path: Path) -> None:
        shutil.copy(profiles.shipped() / "android.yaml", tmp_path / "kiosk-2.yaml")
        assert profiles.names(tmp_path) == ["kiosk-2"]
        assert profiles.load(tmp_path, "kiosk-2").name == "kiosk-2"

    def test_compat_unless_said_otherwise(self, tmp_path: Path) -> None:
        text = DEVICE.replace("p12: compat\n", "")
        assert "p12: compat" not in text
        assert device(tmp_path, text).p12 is P12Format.COMPAT

    def test_attributes_are_in_name_order_not_file_order(self, tmp_path: Path) -> None:
        text = DEVICE.replace('"{user}"\n', '"{user}"\n  organization: 例市\n  country: JP\n')
        assert [attribute for attribute, _ in device(tmp_path, text).subject] == [
            SubjectAttribute.COUNTRY,
            ORGANIZATION,
            COMMON_NAME,
        ]

    @pytest.mark.parametrize("attribute", SubjectAttribute)
    def test_every_attribute_may_be_set(self, attribute: SubjectAttribute, tmp_path: Path) -> None:
        text = DEVICE.replace("  common_name", f"  {attribute}: JP\n  common_name")
        if attribute is COMMON_NAME:
            text = DEVICE.replace('"{user}"', "JP")
        assert dict(device(tmp_path, text).subject)[attribute] == "JP"

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("kind: root", "1: kind: expected one of device, got 'root'"),
            ("title: {en: Tablet}", "2: title.ja is missing"),
            ("title: {en: Tablet, ja: ' '}", "2: title.ja: text is empty"),
            (
                'title: {en: "a\\u202eb", ja: b}',
                "2: title.en: text has an unprintable character: U+202E",
            ),
            (
                "key_algorithm: dsa",
                "3: key_algorithm: expected one of "
                "ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096, got 'dsa'",
            ),
            ("validity_years: 0", "4: validity_years: expected int >= 1, got 0"),
            ("validity_years: 51", "4: validity_years: expected int <= 50, got 51"),
            ("key_usage: []", "7: key_usage: expected list of length >= 1, got []"),
            ("key_usage: [keyAgreement]", "7: key_usage: clientAuth needs digitalSignature"),
            (
                "key_usage: [digitalSignature, keyEncipherment]",
                "7: key_usage: keyEncipherment does not fit a key of ec-p256",
            ),
            (
                "key_usage: [digitalSignature, digitalSignature]",
                "7: key_usage: a value appears twice",
            ),
            (
                "extended_key_usage: []",
                "8: extended_key_usage: expected list of length >= 1, got []",
            ),
            (
                "extended_key_usage: [serverAuth]",
                "8: extended_key_usage[0]: expected one of clientAuth, emailProtection, "
                "got 'serverAuth'",
            ),
            ("container: pem", "9: container: expected one of mobileconfig, p12, got 'pem'"),
            (
                "container: mobileconfig",
                "11: chain: expected [], since a mobileconfig contains the CA certificates",
            ),
            ("p12: pbmac1", "10: p12: expected one of compat, modern, got 'pbmac1'"),
            ("chain: [issuing, issuing]", "11: chain: a value appears twice"),
            ("chain: [leaf]", "11: chain[0]: expected one of root, issuing, got 'leaf'"),
        ],
    )
    def test_a_mistake_is_named_with_its_line(self, line: str, said: str, tmp_path: Path) -> None:
        path = tmp_path / "tablet.yaml"
        assert refusal(path, edited(DEVICE, line)) == f"tablet.yaml:{said}"

    def test_rsa_keys_do_not_agree_on_keys(self, tmp_path: Path) -> None:
        text = edited(DEVICE, "key_algorithm: rsa-3072")
        assert device(tmp_path, edited(text, "key_usage: [digitalSignature, keyEncipherment]"))
        text = edited(text, "key_usage: [digitalSignature, keyAgreement]")
        assert refusal(tmp_path / "tablet.yaml", text) == (
            "tablet.yaml:7: key_usage: keyAgreement does not fit a key of rsa-3072"
        )

    def test_a_mobileconfig_is_never_modern(self, tmp_path: Path) -> None:
        text = edited(edited(DEVICE, "container: mobileconfig"), "chain: []")
        assert device(tmp_path, text).container is Container.MOBILECONFIG
        text = edited(text, "p12: modern")
        assert refusal(tmp_path / "tablet.yaml", text) == (
            "tablet.yaml:10: p12: a mobileconfig needs compat"
        )

    @pytest.mark.parametrize("key", [line.split(":")[0] for line in DEVICE.splitlines()])
    def test_only_the_pkcs12_format_is_optional(self, key: str, tmp_path: Path) -> None:
        without = re.sub(rf"(?m)^{key}:.*\n(  .*\n)*", "", DEVICE)
        if key in {"p12", "  common_name"}:
            return
        assert refusal(tmp_path / "tablet.yaml", without) == f"tablet.yaml:1: {key} is missing"


class TestTemplates:
    PLACEHOLDERS = (
        "use one of the placeholders: {user} {name} {facility} {network} {organization} {device} "
        "{hierarchy} {number}"
    )

    @pytest.mark.parametrize(
        ("template", "said"),
        [
            ("{usr}", f"unknown placeholder '{{usr}}' | {PLACEHOLDERS}"),
            ("{common_name}", f"unknown placeholder '{{common_name}}' | {PLACEHOLDERS}"),
            ("{user.__class__}", f"unknown placeholder '{{user.__class__}}' | {PLACEHOLDERS}"),
            ("{user[0]}", f"unknown placeholder '{{user[0]}}' | {PLACEHOLDERS}"),
            ("{user:>99999999}", f"unknown placeholder '{{user:>99999999}}' | {PLACEHOLDERS}"),
            ("{user!r}", f"unknown placeholder '{{user!r}}' | {PLACEHOLDERS}"),
            ("{}", f"unknown placeholder '{{}}' | {PLACEHOLDERS}"),
            ("{0}", f"unknown placeholder '{{0}}' | {PLACEHOLDERS}"),
            ("{user", "unbalanced braces"),
            ("user}", "unbalanced braces"),
            ("{{user}}", "unbalanced braces"),
            ("", "common_name is empty"),
            ("x" * 65, "common_name has 65 characters; at most 64 are allowed"),
        ],
    )
    def test_only_plain_placeholders_that_exist(
        self, template: str, said: str, tmp_path: Path
    ) -> None:
        text = DEVICE.replace("{user}", template)
        path = tmp_path / "tablet.yaml"
        assert refusal(path, text) == f"tablet.yaml:6: subject.common_name: {said}"

    def test_a_ca_has_other_placeholders_than_a_device(self, tmp_path: Path) -> None:
        assert refusal(tmp_path / "root.yaml", CA.replace("{common_name}", "{user}")) == (
            "root.yaml:5: subject.common_name: unknown placeholder '{user}' | "
            "use one of the placeholders: {common_name} {organization} {network} {hierarchy}"
        )

    @pytest.mark.parametrize("country", ["Japan", "jp", "J1", "日本", "ＪＰ"])
    def test_a_country_is_two_letters(self, country: str, tmp_path: Path) -> None:
        text = DEVICE.replace("  common_name", f"  country: {country}\n  common_name")
        assert refusal(tmp_path / "tablet.yaml", text).startswith(
            "tablet.yaml:6: subject.country: a country must be two capital letters"
        )


class TestRenderSubject:
    SUBJECT: Subject = (
        (SubjectAttribute.COUNTRY, "JP"),
        (ORGANIZATION, "{organization}"),
        (UNIT, "{network} {facility}"),
        (COMMON_NAME, "{user}"),
    )

    def test_templates_are_filled_in(self) -> None:
        values = {
            "organization": "例市",
            "network": "例ネット",
            "facility": "第一診療所",
            "user": "u0001",
        }
        assert subjects.render(self.SUBJECT, values) == (
            (SubjectAttribute.COUNTRY, "JP"),
            (ORGANIZATION, "例市"),
            (UNIT, "例ネット 第一診療所"),
            (COMMON_NAME, "u0001"),
        )

    def test_an_attribute_without_values_is_omitted(self) -> None:
        values = {"user": "u0001", "organization": None, "network": ""}
        assert subjects.render(self.SUBJECT, values) == (
            (SubjectAttribute.COUNTRY, "JP"),
            (COMMON_NAME, "u0001"),
        )

    def test_one_placeholder_of_two_is_enough(self) -> None:
        values = {"user": "u0001", "facility": "第一診療所"}
        assert (UNIT, "第一診療所") in subjects.render(self.SUBJECT, values)

    def test_a_value_is_never_read_as_a_template(self) -> None:
        values = {"user": "{organization}", "organization": "例市"}
        assert subjects.render(self.SUBJECT, values)[-1] == (COMMON_NAME, "{organization}")

    def test_names_are_composed(self) -> None:
        ga = "か\u3099"  # か with a combining mark, as macOS writes が
        assert subjects.render(((COMMON_NAME, "{user}"),), {"user": ga}) == (
            (COMMON_NAME, "\u304c"),
        )

    @pytest.mark.parametrize(
        ("user", "said"),
        [
            (None, "no value for the placeholders of {user}"),
            ("a" * 65, "common_name has 65 characters; at most 64 are allowed"),
            ("a\nb", "common_name has an unprintable character: U+000A"),
        ],
    )
    def test_a_profile_for_an_invalid_certificate_is_refused(
        self, user: str | None, said: str
    ) -> None:
        with pytest.raises(Invalid, match=re.escape(said)):
            subjects.render(self.SUBJECT, {"user": user})

    def test_sixty_four_characters_fit(self) -> None:
        assert subjects.render(((COMMON_NAME, "{user}"),), {"user": "漢" * 64})

    @given(st.dictionaries(st.sampled_from(["organization", "network", "user"]), st.text()))
    def test_a_subject_is_valid_or_refused_for_any_values(self, values: dict[str, str]) -> None:
        try:
            subject = subjects.render(self.SUBJECT, values)
        except Invalid:
            return
        assert subject[-1][0] is COMMON_NAME
        for _, text in subject:
            assert 1 <= len(text) <= 64
            assert unicodedata.is_normalized("NFC", text)
            # Python calls every blank but the plain one unprintable.
            assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in text)


class TestCa:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("kind: device", "1: kind: expected one of root, got 'device'"),
            ("crl_days: 6", "7: crl_days: expected int >= 7, got 6"),
            ("path_length: -1", "6: path_length: expected int >= 1, got -1"),
            ("path_length: 0", "6: path_length: expected int >= 1, got 0"),
            ("validity_years: 51", "3: validity_years: expected int <= 50, got 51"),
        ],
    )
    def test_a_mistake_is_named_with_its_line(self, line: str, said: str, tmp_path: Path) -> None:
        path = tmp_path / "root.yaml"
        assert refusal(path, edited(CA, line)) == f"root.yaml:{said}"

    def test_the_file_name_and_the_kind_agree(self, tmp_path: Path) -> None:
        assert refusal(tmp_path / "issuing.yaml", CA) == (
            "issuing.yaml:1: kind: expected one of issuing, got 'root'"
        )

    def test_a_missing_one_is_not_found(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            profiles.load_ca(tmp_path, Tier.ROOT)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["../iphone", "/etc/passwd", "", "iPhone", "-x", "a.b", "a\0", "a\n", "a" * 33, "端末"],
    )
    def test_an_invalid_profile_name_never_becomes_a_path(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="is not a profile name"):
            profiles.load(tmp_path, name)

    @pytest.mark.parametrize("name", ["palmtop", "root", "issuing"])
    def test_an_unknown_device_is_not_found_and_the_known_ones_are_listed(self, name: str) -> None:
        with pytest.raises(NotFound) as caught:
            profiles.load(profiles.shipped(), name)
        assert said(caught.value) == (
            f"no profile for device {name} | use one of the profiles: android, ipad, iphone, mac, "
            "windows"
        )

    def test_files_that_are_no_device_are_passed_over(self, tmp_path: Path) -> None:
        for name in ("tv.yaml", "root.yaml", "issuing.yaml", "My TV.yaml", "tv.yaml~", "a.yml"):
            (tmp_path / name).touch()
        assert profiles.names(tmp_path) == ["tv"]

    @pytest.mark.parametrize("name", ["tablet.yml", "tablet", "My Tablet.yaml"])
    def test_a_file_to_check_has_a_profiles_name(self, name: str, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_text(DEVICE, encoding="utf-8")
        with pytest.raises(Invalid, match="name"):
            profiles.check(path)


class TestWarnings:
    def test_112_bits_past_2030(self, tmp_path: Path) -> None:
        found = profiles.warnings(device(tmp_path, edited(DEVICE, "key_algorithm: rsa-2048")))
        assert [str(warning) for warning in found] == [
            "tablet: rsa-2048 is deprecated after 2030 (NIST IR 8547), but "
            "certificates last 10 years"
        ]

    def test_modern_shuts_old_devices_out(self, tmp_path: Path) -> None:
        found = profiles.warnings(device(tmp_path, edited(DEVICE, "p12: modern")))
        assert [warning.hint for warning in found] == ["use compat, which every device opens"]
