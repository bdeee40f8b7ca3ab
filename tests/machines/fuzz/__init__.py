"""Random damage."""
