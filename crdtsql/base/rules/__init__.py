"""Rules: what every replica must compute alike, from numbers alone."""
