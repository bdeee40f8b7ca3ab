${number} IN (SELECT foretold.id FROM main._crdt_foretold AS foretold)
