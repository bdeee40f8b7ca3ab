"""The commands about who may reach a file, and read what is on its way: the server of HTTP, its tokens, encrypted stores."""
