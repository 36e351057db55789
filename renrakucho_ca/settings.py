"""Reads a home's `rca.yaml`, and writes the commented one of a new home."""

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

DEFAULT_NETWORK = "Example Care Network"
DEFAULT_ORGANIZATION = "Example City"

# Both go into names in certificates, which have 64 characters (RFC 5280 appendix A.1).
_text = partial(clean_text, what="text", longest=64)

# What a URI in a certificate may be (RFC 3986, IA5String in RFC 5280 §4.2.1.13), without what an
# address of files has no use for: user, query, fragment.
_URL = re.compile(
    r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*"
)
_REVERSE_DNS = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class MobileconfigSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all Apple configuration profiles of a home share.

    Attributes:
        identifier: the reverse-DNS start of every PayloadIdentifier.
        signing_certificate, signing_key: PEM files, relative to the home; both or none.
    """

    identifier: str = "rca.client"
    signing_certificate: str | None = None
    signing_key: str | None = None

    def __post_init__(self) -> None:
        yamlfile.refine(self, "identifier", _identifier)
        yamlfile.refine(self, "signing_certificate", _file_name)
        yamlfile.refine(self, "signing_key", _file_name)
        if (self.signing_certificate is None) != (self.signing_key is None):
            raise yamlfile.Fault(
                "signing_key" if self.signing_key else "signing_certificate",
                Invalid("signing takes a certificate and a key: set both, or neither"),
            )


class PortalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rca serve` needs to know.

    Attributes:
        trusted_proxies: the addresses of the proxies before it, whose X-Forwarded-For and
            X-Forwarded-Proto count; nobody else's do.
    """

    trusted_proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for address in self.trusted_proxies:
            try:
                ip_address(address)
            except ValueError:
                problem = Invalid(
                    "{text} is not an address",
                    hint="an IPv4 or IPv6 address, such as 127.0.0.1; no network, no name",
                    text=repr(address[:40]),
                )
                raise yamlfile.Fault("trusted_proxies", problem) from None

    @property
    def proxies(self) -> frozenset[IPv4Address | IPv6Address]:
        return frozenset(map(ip_address, self.trusted_proxies))


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How mails leave.

    Attributes:
        host: the SMTP server; without one, mails wait.
        security: STARTTLS (RFC 3207), TLS from the first byte (RFC 8314), or none.
        user, password_file: the login, where the server wants one; the file relative to the home.
        sender: the From of every mail.
        with_password: whether a mail has the retrieval password, or the link alone.
        language: of the mails.
        operator: who is told when somebody guesses at a number until it locks.
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
        yamlfile.refine(self, "host", _text)
        yamlfile.refine(self, "operator", _sender)
        yamlfile.refine(self, "sender", _sender)
        yamlfile.refine(self, "password_file", _file_name)
        if (self.user is None) != (self.password_file is None):
            raise yamlfile.Fault(
                "password_file" if self.password_file else "user",
                Invalid("a login takes a user and a password_file: set both, or neither"),
            )
        if self.user is not None and self.security == "none":
            raise yamlfile.Fault("security", Invalid("a login needs starttls or tls"))
        if self.host is not None and self.sender is None:
            raise yamlfile.Fault("host", Invalid("a host needs a sender"))


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where else the audit log goes.

    Attributes:
        syslog: each row also to syslog or journald, once it is committed.
    """

    syslog: bool = False


class OcspSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it is answered which certificates are revoked (OCSP, RFC 6960).

    Attributes:
        sign_ahead: whether `rca publish` signs a response for every certificate.
        days: how long one is valid; renewed at half of it.
        nonce: whether the portal holds the responder's key, to answer with the nonce of a request
            and for what is not signed yet.
        url: where `/ocsp/<hierarchy>` of the portal is to be had; goes into certificates.
    """

    sign_ahead: bool = True
    days: Annotated[int, msgspec.Meta(ge=1, le=14)] = 7
    nonce: bool = False
    url: str | None = None

    def __post_init__(self) -> None:
        yamlfile.refine(self, "url", _public_url)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A home's settings, checked.

    Attributes:
        network: the regional network's name; a phone shows it as the profile's.
        organization: who runs the CA; stands in the subjects.
        timezone: a name of the tz database; what a bare date means, and how people see times.
        default_hierarchy: the one that issues where no command says which.
        public_url: where devices and servers reach `public/` and the portal, without a slash at its
            end; goes into certificates as CRL distribution point and AIA.
        login_url: the portal where people log in with their certificate.
        publish_hook: program and arguments, run without a shell after publishing.
        bundle_days: how long a bundle waits to be fetched.
        publish_after_revocation: whether revoke, hold and release publish by themselves.
        pkcs11_module: the library that leads to the token, for URIs of keys that name none.
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
        yamlfile.refine(self, "network", _text)
        yamlfile.refine(self, "organization", _text)
        yamlfile.refine(self, "timezone", _timezone)
        yamlfile.refine(self, "default_hierarchy", _text)
        yamlfile.refine(self, "public_url", _public_url)
        yamlfile.refine(self, "login_url", _public_url)
        yamlfile.refine(self, "pkcs11_module", _file_name)
        if self.publish_hook is not None and not _can_be_run(self.publish_hook):
            raise yamlfile.Fault("publish_hook", Invalid("expected a program and its arguments"))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def load(home: Path) -> Settings:
    """The settings of a home.

    Args:
        home: its folder.

    Raises:
        NotFound: it has no `rca.yaml`.
        Invalid: the file is not what it should be; the message has file and line.
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
    """The commented `rca.yaml` of a new home.

    Args:
        network, organization: as in `Settings`.

    Returns:
        YAML that reads back as `Settings(network, organization)`.

    Raises:
        Invalid: a name is empty, too long or unprintable.
    """
    # A JSON string is a YAML double-quoted one, as long as all in it is printable.
    quoted = {
        key: json.dumps(clean_text(value, what=key, longest=64), ensure_ascii=False)
        for key, value in (("network", network), ("organization", organization))
    }
    return _EXAMPLE.format(**quoted)


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; "../x"; a folder such as "Asia"
        raise Invalid(
            "{name} is not a timezone",
            hint="a name of the tz database, such as Asia/Tokyo",
            name=repr(name[:40]),
        ) from None
    return name


def _public_url(url: str) -> str:
    plain = url.removesuffix("/")
    if not _URL.fullmatch(plain):
        raise Invalid(
            "{url} is not an http or https address",
            hint="such as https://ca.example.jp, without query",
            url=repr(url[:60]),
        )
    return plain


def _sender(text: str) -> str:
    """An address, perhaps with a name before it: `Example City <ca@example.jp>`."""
    # 20 ms, for a setting that few commands look at.
    from email.utils import parseaddr

    address = parseaddr(text)[1]
    if not re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", address) or not text.isprintable():
        raise Invalid(
            "{text} is not a sender",
            hint="such as ca@example.jp or Example City <ca@example.jp>",
            text=repr(text[:60]),
        )
    return text


def _identifier(text: str) -> str:
    if not _REVERSE_DNS.fullmatch(text) or len(text) > 100:
        raise Invalid(
            "{text} is not a reverse-DNS name", hint="such as jp.example.ca", text=repr(text[:40])
        )
    return text


def _file_name(text: str) -> str:
    if not text or "\0" in text:
        raise Invalid("expected a file's name")
    return text


def _can_be_run(arguments: tuple[str, ...]) -> bool:
    """Whether the system can start it: a NUL would end an argument."""
    return arguments[0] != "" and not any("\0" in argument for argument in arguments)


_EXAMPLE = """\
# The settings of this home. Every command reads them; a mistake is reported with its line.
# Names in quotes, `null` for "not set". Other settings than these are refused.

# The name of the regional network. iPhones show it as the name of the configuration profile, and
# it stands in the certificates (at most 64 characters).
network: {network}

# Who runs this CA, such as the municipality. Stands in the certificates (at most 64 characters).
organization: {organization}

# A bare date, such as the cut-off 2026-08-01, means 00:00 here; times for people are shown so.
timezone: Asia/Tokyo

# The hierarchy that issues where --hierarchy is not given. null: the one called `new`, else the
# only one that is open.
default_hierarchy: null

# Where devices and servers reach this CA, such as https://ca.example.jp: goes into every
# certificate as the place of the CRL and of the issuer's certificate, and cannot be changed in
# those already issued. null: certificates name no place.
public_url: null

# Run after `rca publish` has renewed the files: the program and its arguments, each an item of a
# list. No shell reads it. nginx takes a new CRL only when it reloads:
# publish_hook: [systemctl, reload, nginx]
publish_hook: null

# true: revoke, hold and release publish by themselves, and so need the passphrase. false: servers
# learn of a revocation from the next `rca publish`.
publish_after_revocation: false

# The PKCS #11 library of the token (HSM) that holds CA keys, such as
# /usr/lib/softhsm/libsofthsm2.so. null: the keys' pkcs11: URIs name it, or there is no token.
pkcs11_module: null

# How many days a certificate waits to be fetched. After that `rca expire` destroys its file and
# revokes it: the user asks for another one.
bundle_days: 30

# The configuration profiles for iPhone and iPad.
mobileconfig:
  # What the identifiers of all profiles begin with: a domain of yours, backwards. Keep it: a
  # profile under another identifier does not replace the one installed before.
  identifier: rca.client
  # A certificate (PEM, with its chain) and its key to sign profiles with, relative to this folder.
  # From a CA that phones trust, the installation says "Verified". Both or neither.
  signing_certificate: null
  signing_key: null

# The download page (`rca serve`).
portal:
  # The addresses of the proxies before it, such as [127.0.0.1] for an nginx on this machine: from
  # them alone it takes the word (X-Forwarded-For) where a request came from. A list.
  trusted_proxies: []

# OCSP: `rca serve` tells servers at /ocsp/<hierarchy> whether a certificate is revoked.
ocsp:
  # `rca publish` signs a response for every certificate, and again for what changed. false: no
  # responses; servers use the CRL alone.
  sign_ahead: true
  # How many days a response is valid (at most 14). At half of it `rca publish` signs all anew.
  days: 7
  # true: the portal also holds the key of the responder, which is good for OCSP alone and for 30
  # days: it then answers with the nonce of the request, and at once for what has just changed.
  nonce: false
  # Where the portal is to be had, such as http://ca.example.jp, without /ocsp; OCSP goes without
  # TLS as a rule. Goes into every certificate and cannot be changed in those already issued. null:
  # certificates name no responder.
  url: null

# The portal where people log in with their certificate; stands in mails and on sheets.
login_url: null

# Mails with number, password and link (`rca issue --mail`, sent by `rca mail send`).
mail:
  # The SMTP server. null: mails wait.
  host: null
  port: 587
  # starttls, tls (port 465 as a rule) or none.
  security: starttls
  # The login: a name, and a file with the password, relative to this folder. Both or neither.
  user: null
  password_file: null
  # Such as "Example City <ca@example.jp>".
  sender: null
  # false: a mail has the link and the number alone; tell the password another way.
  with_password: true
  # ja or en.
  language: ja
  # The address that is told when somebody guesses at a number until it locks.
  operator: null

# Who did what (`rca audit log`).
audit:
  # true: each row also goes to syslog, and so to journald.
  syslog: false
"""
