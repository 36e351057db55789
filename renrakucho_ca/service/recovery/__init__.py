"""Backups, restoring one, and replaying what happened after it."""
