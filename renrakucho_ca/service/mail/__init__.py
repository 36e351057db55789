"""Mails and hand-over sheets for users."""
