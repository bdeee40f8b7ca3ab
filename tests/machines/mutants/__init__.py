"""Seeded bugs: small wrong edits of the product, each of which the simulation must notice."""
