"""How a write of any program is noticed."""
