"""What a table shows of the merged state."""
