"""A changeset's bytes, and distrust of them."""
