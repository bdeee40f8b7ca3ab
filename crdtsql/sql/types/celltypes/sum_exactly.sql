_crdt_counter(added, taken, :real)
