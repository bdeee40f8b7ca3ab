"""How a typed cell falls into parts, and is shown again."""
