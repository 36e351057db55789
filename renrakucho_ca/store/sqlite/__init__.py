"""The SQLite database: connection, schema, errors, snapshot."""
