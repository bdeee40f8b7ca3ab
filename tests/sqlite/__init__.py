"""What the user's file looks like, and the facts about SQLite."""
