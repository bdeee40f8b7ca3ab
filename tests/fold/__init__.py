"""How the log becomes clocks."""
