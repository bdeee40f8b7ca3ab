"""Schemas of well-known programs, random writers that know nothing but the schema, and real tools."""
