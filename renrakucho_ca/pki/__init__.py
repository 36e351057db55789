"""Keys, certificates and CRLs: pure functions over `cryptography`, without disk or clock."""

# For services, which annotate with the type and never call the library: `x509.Certificate` is the
# library's, a bare `Certificate` is our record.
from cryptography import x509 as x509
from cryptography.exceptions import UnsupportedAlgorithm

UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    # A BIT STRING as the value of an attribute that has none (x509.NameAttribute).
    TypeError,
)
"""The library raises these for a malformed certificate, CRL or request. It parses many parts only
on access."""
