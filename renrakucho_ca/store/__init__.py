"""The rooms that touch disk: the database, the keystore, files."""
