INSERT INTO _crdt_was (seq, part, ${columns})
  SELECT ${seq}, ${part}, ${values}
  WHERE ${any_changed}