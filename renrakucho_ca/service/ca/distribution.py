"""The public addresses that go into certificates, and where `rca serve` answers them."""

from __future__ import annotations

from dataclasses import replace

from renrakucho_ca.model import Tier
from renrakucho_ca.pki.contents import Distribution
from renrakucho_ca.settings import Settings


def distribution(settings: Settings, hierarchy: str, issuer: Tier) -> Distribution:
    """Return the URLs of the issuer's CRL, certificate and OCSP responder; none without
    `public_url`.

    Args:
        issuer: the CA that signs the certificate with these URLs.
    """
    ocsp_url = None
    if settings.ocsp.url is not None:
        ocsp_url = f"{settings.ocsp.url}/ocsp/{hierarchy}"
    if settings.public_url is None:
        return Distribution(ocsp_url=ocsp_url)
    name = f"{hierarchy}-{issuer.value}"
    return Distribution(
        crl_url=f"{settings.public_url}/crl/{name}.crl",
        ca_issuers_url=f"{settings.public_url}/ca/{name}.cer",
        ocsp_url=ocsp_url,
    )


def root_distribution(settings: Settings, hierarchy: str) -> Distribution:
    """Return the URLs in certificates of a root: its key may be external, so without OCSP."""
    return replace(distribution(settings, hierarchy, Tier.ROOT), ocsp_url=None)
