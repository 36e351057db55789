"""The download page: users fetch their certificates here."""
