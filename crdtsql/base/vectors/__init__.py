"""Vectors: how far each site is known, as others are told it, and as bytes."""
