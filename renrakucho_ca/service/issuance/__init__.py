"""Issuing certificates: plan, record, sign, commit."""
