"""Keys, certificates and CRLs: pure functions over `cryptography`, without disk or clock."""
