"""The SQL of each schema step. A released step is never edited."""
