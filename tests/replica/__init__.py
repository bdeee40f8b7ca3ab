"""The public face: its lock, and the order of steps."""
