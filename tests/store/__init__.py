"""Our own tables in the file."""
