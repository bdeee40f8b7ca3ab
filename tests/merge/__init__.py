"""How a changeset gets into the clocks and the tables."""
