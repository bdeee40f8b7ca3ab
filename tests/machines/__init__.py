"""What makes its own cases: the oracle, random histories, kills, damage, seeded bugs."""
