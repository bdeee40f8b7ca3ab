"""What a receiver lacks."""
