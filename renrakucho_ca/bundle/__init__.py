"""What a user gets for a device: the password, and the file that it opens. Bytes out, no disk."""
