CREATE TRIGGER ${trigger} AFTER INSERT ON ${table}
WHEN NEW.${key_column} % ${size} >= ${used_up}
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  -- A block of ids is used up: the next statement goes on in the next block of this site. A statement writes the row of sqlite_sequence
  -- that it read when it began, and reads the first one of the table, so this one must come before it.
  INSERT INTO sqlite_sequence (rowid, name, seq)
  SELECT
    ifnull((SELECT min(entry.rowid) FROM sqlite_sequence AS entry), 1) - 1,
    ${name},
    first.value + ((NEW.${key_column} - first.value) / every.value + 1) * every.value
  FROM _crdt_meta AS first, _crdt_meta AS every
  WHERE first.name = 'block_first' AND every.name = 'block_every'
    AND NEW.${key_column} < ${highest} - every.value - ${size}
    AND NOT EXISTS (SELECT 1 FROM sqlite_sequence AS later WHERE later.name = ${name} AND later.seq > NEW.${key_column});
  DELETE FROM sqlite_sequence
  WHERE name = ${name} AND seq <= NEW.${key_column}
    AND EXISTS (SELECT 1 FROM sqlite_sequence AS later WHERE later.name = ${name} AND later.seq > NEW.${key_column});
END
