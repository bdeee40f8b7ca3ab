"""The commands that look into the past of tables, and take writes back."""
