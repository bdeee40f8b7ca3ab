"""Vectors: which sites a file knows, up to where, and what others were last seen to have."""

from crdtsql.store.vectors import began, heard

__all__ = ["began", "heard"]
