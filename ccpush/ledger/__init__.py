"""Keep: what is known, once each, in SQLite. Sole owner of the database file."""
