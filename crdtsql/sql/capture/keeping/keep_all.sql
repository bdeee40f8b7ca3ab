INSERT INTO _crdt_was (seq, part, ${columns})
  VALUES (last_insert_rowid(), ${part}, ${values})