"""A user's file for a device and its password: functions that return bytes and touch no disk."""
