EXISTS (SELECT 1 FROM temp._crdt_taken AS taken WHERE taken.id = incoming.rowid AND taken.col = ${col})
