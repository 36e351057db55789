"""Recording and verifying the audit log."""
