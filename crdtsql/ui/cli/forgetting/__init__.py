"""The commands by which something is forgotten, or that help who missed that."""
