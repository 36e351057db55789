"""OCSP: delegated responders and pre-produced responses (RFC 6960)."""
