"""Rules: what every replica must do alike, computed from numbers alone, or chosen by its name."""
