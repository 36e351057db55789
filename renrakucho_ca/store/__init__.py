"""Access to the disk: the database, the keystore, files."""
