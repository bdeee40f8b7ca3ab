"""Random histories of rows with automatic numbers."""
