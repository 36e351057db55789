"""Load a CA's certificate from its database record."""

from __future__ import annotations

from renrakucho_ca.errors import Invalid
from renrakucho_ca.model import Authority
from renrakucho_ca.pki import x509, x509_certificates


def of(authority: Authority) -> x509.Certificate:
    """Return the CA's certificate. Raise Invalid, with the CA's name, if it is damaged."""
    try:
        return x509_certificates.load(authority.certificate)
    except Invalid as error:
        raise Invalid(
            "the certificate of {name}: {problem}",
            hint="restore a backup",
            name=authority.name,
            problem=error,
        ) from None
