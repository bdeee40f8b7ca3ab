crdt_digest(${values})
