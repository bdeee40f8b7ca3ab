"""Benchmarks: ratios to plain SQLite, measured in the same run."""
