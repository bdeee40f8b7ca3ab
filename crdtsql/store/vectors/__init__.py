"""Vectors: which sites a file knows, up to where, and what others were last seen to have."""
