_crdt_total(write.new, write.old, :real)
