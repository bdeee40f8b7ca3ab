"""What is in a file, read only."""
