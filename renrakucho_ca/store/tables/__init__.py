"""The queries, one module per group of tables."""
