"""Parse a certificate and report its deviations from its profile.

The linter shares only the request with the builder, so it finds the builder's mistakes. The rules
are in `field_rules`, `extension_rules` and `constraint_rules`.
"""

from __future__ import annotations

from cryptography import x509

from renrakucho_ca.certificate_profile import Constraints, ExtendedKeyUsage
from renrakucho_ca.errors import Refused
from renrakucho_ca.pki.contents import Ca, EndEntity, ResponderContents
from renrakucho_ca.pki.lint import constraint_rules, extension_rules, field_rules
from renrakucho_ca.pki.lint.expected import Expected

RULES = (*field_rules.RULES, *extension_rules.RULES, *constraint_rules.RULES)

_PURPOSES = {
    ExtendedKeyUsage.CLIENT_AUTH: "1.3.6.1.5.5.7.3.2",
    ExtendedKeyUsage.EMAIL_PROTECTION: "1.3.6.1.5.5.7.3.4",
}


def lint(
    certificate: x509.Certificate,
    request: EndEntity,
    issuer: x509.Certificate,
    *above: x509.Certificate,
) -> list[str]:
    """Return findings about a device's certificate;

    none is a pass. Its signature is not verified.
    """
    expected = Expected(
        request,
        issuer,
        years=request.profile.validity_years,
        key_usage=frozenset(bit.value for bit in request.profile.key_usage),
        purposes=frozenset(_PURPOSES[p] for p in request.profile.extended_key_usage),
        bound=Constraints(policies=request.profile.policies),
        above=above,
    )
    return _findings(certificate, expected)


def lint_ca(certificate: x509.Certificate, request: Ca, issuer: x509.Certificate) -> list[str]:
    """Lint a CA's certificate as `lint` does; a root is its own `issuer`."""
    expected = Expected(
        request,
        issuer,
        years=request.profile.validity_years,
        key_usage=frozenset({"keyCertSign", "cRLSign"}),
        path_length=request.profile.path_length,
        bound=request.profile.constraints,
        identifier=request.identifier,
    )
    return _findings(certificate, expected)


def lint_responder(
    certificate: x509.Certificate, request: ResponderContents, issuer: x509.Certificate
) -> list[str]:
    """Lint an OCSP responder's certificate, as `lint` does a device's."""
    expected = Expected(
        request,
        issuer,
        years=1,
        key_usage=frozenset({"digitalSignature"}),
        purposes=frozenset({"1.3.6.1.5.5.7.3.9"}),  # id-kp-OCSPSigning
        bound=Constraints(),
        no_check=True,
    )
    return _findings(certificate, expected)


def enforce(findings: list[str]) -> None:
    """Raise Refused if there are findings."""
    if findings:
        raise Refused(
            "the certificate would not conform to its profile: {findings}",
            findings="; ".join(findings),
        )


def _findings(certificate: x509.Certificate, expected: Expected) -> list[str]:
    try:
        return [finding for rule in RULES for finding in rule(certificate, expected)]
    except (ValueError, x509.DuplicateExtension) as error:
        return [f"a part of the certificate cannot be read ({error})"]
