"""Importing an existing CA: its certificates, their owners and revocations."""
