"""Create and restore backups, and replay later events."""
