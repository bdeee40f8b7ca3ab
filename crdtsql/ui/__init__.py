"""What does a person, a SQL statement or another tool say to us?"""

__all__ = []
