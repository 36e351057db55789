"""Read a home's `rca.yaml`, and render the commented one of a new home."""

from __future__ import annotations

import json
import re
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from renrakucho_ca import yamlfile
from renrakucho_ca.errors import Invalid, NotFound
from renrakucho_ca.text import clean_text

FILE = "rca.yaml"
_EXAMPLE = Path(__file__).parent / "templates" / FILE

DEFAULT_NETWORK = "Example Care Network"
DEFAULT_ORGANIZATION = "Example City"

# Names in certificates have at most 64 characters (RFC 5280 appendix A.1).
_text = partial(clean_text, what="text", longest=64)

# The URIs in certificates (RFC 3986, IA5String in RFC 5280 §4.2.1.13) need no user, query or
# fragment.
_URL = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*"
)
_REVERSE_DNS = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class MobileconfigSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of all Apple configuration profiles.

    Attributes:
        identifier: the reverse-DNS prefix of every PayloadIdentifier.
        signing_certificate, signing_key: PEM files, relative to the home; both or neither.
    """

    identifier: str = "rca.client"
    signing_certificate: str | None = None
    signing_key: str | None = None

    def __post_init__(self) -> None:
        yamlfile.refine(self, _identifier, "identifier")
        yamlfile.refine(self, _file_name, "signing_certificate", "signing_key")
        if (self.signing_certificate is None) != (self.signing_key is None):
            raise yamlfile.Fault(
                "signing_key" if self.signing_key else "signing_certificate",
                Invalid("signing takes a certificate and a key: set both or neither"),
            )


class PortalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The proxies from which `rca serve` believes X-Forwarded-For and X-Forwarded-Proto."""

    trusted_proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for address in self.trusted_proxies:
            try:
                ip_address(address)
            except ValueError:
                problem = Invalid(
                    "{text} is not an IP address",
                    hint="write an IPv4 or IPv6 address, such as 127.0.0.1, not a network or name",
                    text=repr(address[:40]),
                )
                raise yamlfile.Fault("trusted_proxies", problem) from None

    @property
    def proxies(self) -> frozenset[IPv4Address | IPv6Address]:
        return frozenset(map(ip_address, self.trusted_proxies))


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings for mails.

    Attributes:
        host: the SMTP server; without one, mails wait.
        security: STARTTLS (RFC 3207), TLS from the first byte (RFC 8314), or none.
        user, password_file: the login, if the server requires one; the file is relative to the
            home.
        sender: the From of every mail.
        with_password: whether a mail has the retrieval password, or only the link.
        operator: the address that is notified of a lockout.
    """

    host: str | None = None
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password_file: str | None = None
    sender: str | None = None
    with_password: bool = True
    language: Literal["ja", "en"] = "ja"
    operator: str | None = None

    def __post_init__(self) -> None:
        yamlfile.refine(self, _text, "host")
        yamlfile.refine(self, _sender, "operator", "sender")
        yamlfile.refine(self, _file_name, "password_file")
        if (self.user is None) != (self.password_file is None):
            raise yamlfile.Fault(
                "password_file" if self.password_file else "user",
                Invalid("a login takes a user and a password_file: set both or neither"),
            )
        if self.user is not None and self.security == "none":
            raise yamlfile.Fault("security", Invalid("a login needs starttls or tls"))
        if self.host is not None and self.sender is None:
            raise yamlfile.Fault("host", Invalid("a host needs a sender"))


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The setting that copies each committed row of the audit log to syslog or journald."""

    syslog: bool = False


class OcspSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings for OCSP (RFC 6960).

    Attributes:
        sign_ahead: whether `rca publish` pre-produces a response for every certificate.
        days: the validity of a response; it is renewed after half of it.
        nonce: whether the portal has the responder's key, to answer with the nonce of a request
            and where no response is pre-produced.
        url: the address before `/ocsp/<hierarchy>`, for certificates.
    """

    sign_ahead: bool = True
    days: Annotated[int, msgspec.Meta(ge=1, le=14)] = 7
    nonce: bool = False
    url: str | None = None

    def __post_init__(self) -> None:
        yamlfile.refine(self, _public_url, "url")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A home's checked settings.

    Attributes:
        network: the regional network's name; a phone shows it as the profile's.
        organization: the CA's operator, for the subjects.
        timezone: a name of the tz database, for bare dates and for times in tables.
        default_hierarchy: the hierarchy that issues if no option names one.
        public_url: the address of `public/` and the portal, without a slash at its end, for CRL
            distribution points and AIA.
        login_url: the portal where users log in with their certificate.
        publish_hook: program and arguments, run without a shell after publishing.
        bundle_days: the days for which a bundle can be downloaded.
        publish_after_revocation: whether revoke, hold and release publish immediately.
        pkcs11_module: the token's library, for key URIs that name none.
    """

    network: str
    organization: str
    timezone: str = "Asia/Tokyo"
    default_hierarchy: str | None = None
    public_url: str | None = None
    publish_hook: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] | None = None
    publish_after_revocation: bool = False
    pkcs11_module: str | None = None
    bundle_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30
    mobileconfig: MobileconfigSettings = msgspec.field(default_factory=MobileconfigSettings)
    portal: PortalSettings = msgspec.field(default_factory=PortalSettings)
    ocsp: OcspSettings = msgspec.field(default_factory=OcspSettings)
    login_url: str | None = None
    mail: MailSettings = msgspec.field(default_factory=MailSettings)
    audit: AuditSettings = msgspec.field(default_factory=AuditSettings)

    def __post_init__(self) -> None:
        yamlfile.refine(self, _text, "network", "organization")
        yamlfile.refine(self, _timezone, "timezone")
        yamlfile.refine(self, _text, "default_hierarchy")
        yamlfile.refine(self, _public_url, "public_url", "login_url")
        yamlfile.refine(self, _file_name, "pkcs11_module")
        hook = self.publish_hook
        # A NUL would end an argument.
        if hook is not None and (not hook[0] or "\0" in "".join(hook)):
            raise yamlfile.Fault("publish_hook", Invalid("expected a program and its arguments"))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def load(home: Path) -> Settings:
    """Read the settings of a home.

    Raises:
        NotFound: no `rca.yaml`. Invalid: a setting is wrong; the message has file and line.
    """
    try:
        return yamlfile.read(home / FILE, Settings)
    except NotFound:
        raise NotFound(
            "{home} is not a home: rca.yaml is missing",
            hint="run `rca init`, or name a home with --home",
            home=home,
        ) from None


def render_example(network: str = DEFAULT_NETWORK, organization: str = DEFAULT_ORGANIZATION) -> str:
    """Return the commented `rca.yaml` of a new home: YAML of `Settings(network, organization)`.

    Raises Invalid if a name is empty, too long or unprintable.
    """
    # A JSON string of printable characters is a YAML double-quoted one.
    quoted = {
        key: json.dumps(clean_text(value, what=key, longest=64), ensure_ascii=False)
        for key, value in (("network", network), ("organization", organization))
    }
    return _EXAMPLE.read_text("utf-8").format(**quoted)


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; "../x"; a folder such as "Asia"
        raise Invalid(
            "{name} is not a timezone",
            hint="write a name of the tz database, such as Asia/Tokyo",
            name=repr(name[:40]),
        ) from None
    return name


def _public_url(url: str) -> str:
    plain = url.removesuffix("/")
    if not _URL.fullmatch(plain):
        raise Invalid(
            "{url} is not an http or https address",
            hint="write one without query, such as https://ca.example.jp",
            url=repr(url[:60]),
        )
    return plain


def _sender(text: str) -> str:
    """Check a mail address with or without a name, such as `Example City <ca@example.jp>`."""
    # Importing it takes 20 ms, and few commands use the setting.
    from email.utils import parseaddr

    address = parseaddr(text)[1]
    if not re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", address) or not text.isprintable():
        raise Invalid(
            "{text} is not a mail address",
            hint="write an address such as ca@example.jp or Example City <ca@example.jp>",
            text=repr(text[:60]),
        )
    return text


def _identifier(text: str) -> str:
    if not _REVERSE_DNS.fullmatch(text) or len(text) > 100:
        raise Invalid(
            "{text} is not a reverse-DNS name",
            hint="write one such as jp.example.ca",
            text=repr(text[:40]),
        )
    return text


def _file_name(text: str) -> str:
    if not text or "\0" in text:
        raise Invalid("expected a file name")
    return text
