"""Which row has an automatic number."""
