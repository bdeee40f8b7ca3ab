"""What collided, and what the answer is."""
