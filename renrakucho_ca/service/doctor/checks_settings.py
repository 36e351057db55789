"""Checks of the settings and profiles: valid, and not weaker than they need to be."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from renrakucho_ca import profiles
from renrakucho_ca.model import Tier
from renrakucho_ca.service.doctor.finding import Finding, new_warning, warning_of
from renrakucho_ca.service.home import Home
from renrakucho_ca.settings import Settings

LONGEST_WAIT_DAYS = 90
"""Days a private key may wait in the store; most users download within a month."""


def settings(home: Home) -> Iterator[Finding]:
    found = home.settings
    yield from _addresses(found)
    yield from _mail(found)
    if found.bundle_days > LONGEST_WAIT_DAYS:
        yield new_warning(
            "bundle_days: private keys wait {days} days to be downloaded",
            hint="set 30 days; for a late user run `rca reissue`",
            days=found.bundle_days,
        )


def _addresses(found: Settings) -> Iterator[Finding]:
    for key, url in (("public_url", found.public_url), ("login_url", found.login_url)):
        if url is not None and url.startswith("http:") and not _is_here(urlsplit(url).hostname):
            yield new_warning(
                "{key}: passwords and certificates are sent unencrypted to {url}",
                hint="use TLS, at the proxy or with `rca serve --tls-cert`, and write https here",
                key=key,
                url=url,
            )
    for address in found.portal.trusted_proxies:
        if ip_address(address).is_global:
            yield new_warning(
                "trusted_proxies: {address} is a public address, and X-Forwarded-For from it "
                "is trusted",
                hint="write the proxy's address in your internal network",
                address=address,
            )


def _mail(found: Settings) -> Iterator[Finding]:
    mail = found.mail
    if mail.security == "none" and not _is_here(mail.host):
        yield new_warning(
            "mail: links and passwords are sent unencrypted to {host}",
            hint="set security: starttls or tls",
            host=mail.host,
        )


def _is_here(host: str | None) -> bool:
    """Return whether the host is this machine or unset."""
    if host is None or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def profiles_(home: Home) -> Iterator[Finding]:
    for name in profiles.names(home.profiles):
        yield from map(warning_of, profiles.warnings(profiles.load(home.profiles, name)))
    for tier in Tier:
        yield from map(warning_of, profiles.warnings(profiles.load_ca(home.profiles, tier)))
