"""Which values of deleted rows must be forgotten, and where they stand."""
