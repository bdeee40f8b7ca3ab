"""What SQLite asks of the operating system fails, or its process dies, at every single call, one after the other."""
