"""Revoking, holding and expiring certificates."""
