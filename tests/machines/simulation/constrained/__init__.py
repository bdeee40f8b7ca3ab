"""The simulation over tables with constraints."""
