"""Settings: the rules for `rca.yaml`, and the file of a new home."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from renrakucho_ca import settings, yamlfile
from renrakucho_ca.errors import Invalid, NotFound, RcaError
from renrakucho_ca.settings import MobileconfigSettings, OcspSettings, Settings

REQUIRED = "network: Example\norganization: City\n"


def read(text: str) -> Settings:
    return yamlfile.parse(text, Settings, "rca.yaml")


def said(error: RcaError) -> str:
    hint = f" | {error.hint.format(**error.values)}" if error.hint else ""
    return f"{error}{hint}"


def test_two_names_are_all_that_a_home_needs() -> None:
    assert read(REQUIRED) == Settings(
        network="Example",
        organization="City",
        timezone="Asia/Tokyo",
        default_hierarchy=None,
        public_url=None,
        publish_hook=None,
        mobileconfig=MobileconfigSettings("rca.client", None, None),
    )


def test_everything_can_be_set() -> None:
    text = """\
network: " 例ネット "
organization: か\u3099
timezone: Europe/Zurich
default_hierarchy: new
public_url: https://ca.example.jp:8443/rca/
publish_hook: [systemctl, reload, "nginx; rm -rf /"]
mobileconfig:
  identifier: jp.example.ca
  signing_certificate: signing/cert.pem
  signing_key: signing/key.pem
"""
    assert read(text) == Settings(
        network="例ネット",
        organization="\u304c",
        timezone="Europe/Zurich",
        default_hierarchy="new",
        public_url="https://ca.example.jp:8443/rca",
        publish_hook=("systemctl", "reload", "nginx; rm -rf /"),
        mobileconfig=MobileconfigSettings("jp.example.ca", "signing/cert.pem", "signing/key.pem"),
    )


def test_the_proxies_that_are_believed_are_addresses() -> None:
    text = f"{REQUIRED}portal: {{trusted_proxies: [127.0.0.1, '::1']}}"
    assert read(text).portal.proxies == {ip_address("127.0.0.1"), ip_address("::1")}
    assert read(REQUIRED).portal.proxies == frozenset()


def test_ocsp_is_answered_unless_it_is_switched_off() -> None:
    assert read(REQUIRED).ocsp == OcspSettings(sign_ahead=True, days=7, nonce=False, url=None)
    text = f"{REQUIRED}ocsp: {{sign_ahead: false, days: 14, nonce: true, url: 'http://a.example/'}}"
    assert read(text).ocsp == OcspSettings(False, 14, True, "http://a.example")


def test_the_cut_off_of_a_bare_date_is_midnight_in_japan() -> None:
    cutoff = datetime(2026, 8, 1, tzinfo=read(REQUIRED).zone)
    assert cutoff.astimezone(UTC) == datetime(2026, 7, 31, 15, tzinfo=UTC)


BOTH = "signing takes a certificate and a key: set both or neither"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("timezone: Asia/Tokio", "timezone: 'Asia/Tokio' is not a timezone"),
        ("timezone: Asia", "timezone: 'Asia' is not a timezone"),
        ("timezone: ../../etc/passwd", "timezone: '../../etc/passwd' is not a timezone"),
        ("timezone: ''", "timezone: '' is not a timezone"),
        ('timezone: "a\\0b"', "timezone: 'a\\x00b' is not a timezone"),
        ("default_hierarchy: ''", "default_hierarchy: text is empty"),
        ("publish_hook: systemctl reload nginx", "publish_hook: expected list | null, got text"),
        ("publish_hook: []", "publish_hook: expected list of length >= 1, got []"),
        ("publish_hook: ['']", "publish_hook: expected a program and its arguments"),
        ('publish_hook: [a, "b\\0"]', "publish_hook: expected a program and its arguments"),
        ("mobileconfig: {identifier: rca}", "mobileconfig.identifier: 'rca' is not a reverse-DNS"),
        ("mobileconfig: {identifier: a..b}", "mobileconfig.identifier: 'a..b' is not a"),
        (f"mobileconfig: {{identifier: a.{'b' * 99}}}", "mobileconfig.identifier: 'a.bb"),
        (
            'mobileconfig: {signing_certificate: "a\\0b"}',
            "mobileconfig.signing_certificate: expected a file name",
        ),
        ("mobileconfig: {signing_key: k}", f"mobileconfig.signing_key: {BOTH}"),
        ("mobileconfig: {signing_certificate: c}", f"mobileconfig.signing_certificate: {BOTH}"),
        ("mobileconfig: {signing_key: ''}", "mobileconfig.signing_key: expected a file name"),
        ("mobileconfig:", "mobileconfig: expected mapping, got null"),
        (
            "mail: {user: u, password_file: p, security: none}",
            "mail.security: a login needs starttls or tls",
        ),
        ("mail: {user: u}", "mail.user: a login takes a user and a password_file"),
        ("mail: {password_file: p}", "mail.password_file: a login takes a user and a"),
        ("mail: {host: mail.example.jp}", "mail.host: a host needs a sender"),
        ("mail: {sender: nobody}", "mail.sender: 'nobody' is not a mail address"),
        ("mail: {operator: nobody}", "mail.operator: 'nobody' is not a mail address"),
        ("mail: {port: 0}", "mail.port: expected int >= 1, got 0"),
        ("mail: {port: 65536}", "mail.port: expected int <= 65535, got 65536"),
        ("bundle_days: 0", "bundle_days: expected int >= 1, got 0"),
        ("login_url: portal.example.jp", "login_url: 'portal.example.jp' is not an http"),
        ("portal: {trusted_proxies: 127.0.0.1}", "portal.trusted_proxies: expected list, got text"),
        ("portal: {trusted_proxies: [localhost]}", "portal.trusted_proxies: 'localhost' is not an"),
        ("portal: {trusted_proxies: [10.0.0.0/8]}", "portal.trusted_proxies: '10.0.0.0/8' is not"),
        ("ocsp: {days: 0}", "ocsp.days: expected int >= 1, got 0"),
        ("ocsp: {days: 15}", "ocsp.days: expected int <= 14, got 15"),
        ("ocsp: {days: 1.5}", "ocsp.days: expected"),
        ("ocsp: {sign_ahead: 1}", "ocsp.sign_ahead: expected"),
        ("ocsp: {nonce: 'true'}", "ocsp.nonce: expected"),
        ("ocsp: {url: ocsp.example.jp}", "ocsp.url: 'ocsp.example.jp' is not an http"),
        ("ocsp: {url: 'http://a.example/?b'}", "ocsp.url: 'http://a.example/?b' is not an http"),
        ("ocsp: {urls: null}", "unknown key 'urls'"),
        ("ocsp:", "ocsp: expected mapping, got null"),
        ("portals: {}", "unknown key 'portals'"),
    ],
)
def test_a_mistake_is_named_with_its_line(line: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(REQUIRED + line)
    assert str(caught.value).startswith(f"rca.yaml:3: {problem}")


@pytest.mark.parametrize(
    "url",
    [
        "ca.example.jp",
        "ftp://ca.example.jp",
        "https://",
        "https:///x",
        "https://user@ca.example.jp",
        "https://ca.example.jp/?a=b",
        "https://ca.example.jp/#a",
        "https://ca.example.jp/a b",
        "https://ca.example.jp//",
        "https://日本.example.jp",
        "https://ca.example.jp:port",
        "javascript://x",
    ],
)
def test_only_an_http_address_is_accepted_for_certificates(url: str) -> None:
    with pytest.raises(Invalid, match=r"^rca\.yaml:3: public_url: .* is not an http"):
        read(f"{REQUIRED}public_url: '{url}'")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "http://[2001:db8::1]:8080", "https://ca.example.jp/a/b-c_d~e%20f"]
)
def test_hosts_and_addresses_with_a_path_are_taken(url: str) -> None:
    assert read(f"{REQUIRED}public_url: '{url}'").public_url == url


def test_no_more_than_64_characters_because_names_go_into_certificates() -> None:
    assert read(f"network: {'漢' * 64}\norganization: b").network == "漢" * 64
    with pytest.raises(Invalid, match="network: text has 65 characters"):
        read(f"network: {'漢' * 65}\norganization: b")


def test_a_folder_without_settings_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        settings.load(tmp_path)
    assert said(caught.value) == (
        f"{tmp_path} is not a home: rca.yaml is missing | "
        "run `rca init`, or name a home with --home"
    )


def test_a_home_is_read(tmp_path: Path) -> None:
    (tmp_path / "rca.yaml").write_text(REQUIRED + "timezone: UTC", encoding="utf-8")
    assert settings.load(tmp_path).timezone == "UTC"


class TestExample:
    def test_the_one_of_the_checkout_is_the_one_that_init_writes(self) -> None:
        checkout = Path(__file__).parent.parent / "rca.yaml"
        assert checkout.read_text(encoding="utf-8") == settings.render_example()

    def test_every_setting_stands_in_it_with_its_default(self) -> None:
        written = yaml.safe_load(settings.render_example())
        assert set(written) == set(Settings.__struct_fields__)
        assert set(written["mobileconfig"]) == set(MobileconfigSettings.__struct_fields__)
        assert read(settings.render_example()) == Settings(
            settings.DEFAULT_NETWORK, settings.DEFAULT_ORGANIZATION
        )

    @pytest.mark.parametrize(
        "name",
        ['": {}\\n', "'", "{network}", "a: b # c", "- x", "!!str", "NO", "1e3", "~", "\\", "😀"],
    )
    def test_a_name_cannot_break_out_of_its_place(self, name: str) -> None:
        written = yaml.safe_load(settings.render_example(name, name))
        assert (written["network"], written["organization"]) == (name, name)

    @given(st.text(), st.text())
    def test_settings_are_read_back_or_refused_for_any_names(
        self, network: str, organization: str
    ) -> None:
        try:
            text = settings.render_example(network, organization)
        except Invalid:
            return
        assert read(text) == Settings(network, organization)


_KEYS = [*Settings.__struct_fields__, *MobileconfigSettings.__struct_fields__]
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.text(),
    st.sampled_from(["ja", "Asia/Tokyo", "http://a.jp", "a.b", "America"]),
)  # fmt: skip
_TREES = st.recursive(
    _VALUES,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_KEYS) | st.text(), inner),
)


def outcome(text: str) -> Settings | Invalid:
    try:
        return read(text)
    except Invalid as error:
        return error


def is_sound(result: Settings | Invalid) -> bool:
    return isinstance(result, Settings) or len(said(result).splitlines()) == 1


@given(st.dictionaries(st.sampled_from(_KEYS), _TREES))
def test_any_yaml_gives_settings_or_one_line(tree: dict[str, object]) -> None:
    assert is_sound(outcome(yaml.safe_dump({"network": "a", "organization": "b", **tree})))


@given(st.text())
def test_any_text_after_the_names_gives_settings_or_one_line(text: str) -> None:
    assert is_sound(outcome(REQUIRED + text))


@given(st.text())
def test_any_zone_name_is_a_zone_or_refused(name: str) -> None:
    result = outcome(yaml.safe_dump({"network": "a", "organization": "b", "timezone": name}))
    assert is_sound(result)
