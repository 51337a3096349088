"""What was found out about artifacts, kept in an SQLite file; see docs/reference/store.md."""
