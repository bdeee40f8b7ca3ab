"""Words that need no file."""
