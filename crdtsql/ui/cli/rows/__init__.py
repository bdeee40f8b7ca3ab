"""The commands about single rows: what a table can't show, and writes that say what they looked at."""
