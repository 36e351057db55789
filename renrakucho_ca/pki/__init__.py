"""Keys, certificates and CRLs: pure functions over `cryptography`, without disk or clock."""

# For services, which name the type and never call the library: `x509.Certificate` is theirs,
# a bare `Certificate` is our record.
from cryptography import x509 as x509
