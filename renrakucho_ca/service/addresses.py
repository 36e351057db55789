"""The public addresses that go into certificates, and where `rca serve` answers them."""

from __future__ import annotations

from renrakucho_ca.model import Tier
from renrakucho_ca.pki.certificates import Distribution
from renrakucho_ca.settings import Settings


def distribution(settings: Settings, hierarchy: str, issuer: Tier) -> Distribution:
    """Where the issuer's CRL and certificate are to be had; nothing where the home is not public.

    Args:
        issuer: the CA that signs the certificate in which the addresses will stand.
    """
    if settings.public_url is None:
        return Distribution(crl_url=None, ca_issuers_url=None, ocsp_url=None)
    name = f"{hierarchy}-{issuer.value}"
    return Distribution(
        crl_url=f"{settings.public_url}/crl/{name}.crl",
        ca_issuers_url=f"{settings.public_url}/ca/{name}.cer",
        ocsp_url=None,
    )
