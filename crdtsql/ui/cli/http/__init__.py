"""The commands about HTTP: the server, and who may use it."""
