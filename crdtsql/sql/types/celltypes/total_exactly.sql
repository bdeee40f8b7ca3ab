_crdt_total(added, taken, :real)
