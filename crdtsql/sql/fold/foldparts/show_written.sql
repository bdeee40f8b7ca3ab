INSERT OR REPLACE INTO temp._crdt_shown (id, value)
-- Parts that are names alone are now those of the value that was written last.
SELECT write.id, CAST(_crdt_array(${names}) AS TEXT)
FROM temp._crdt_write AS write
WHERE write.id IN (SELECT id FROM temp._crdt_change)
  AND write.i = (SELECT max(last.i) FROM temp._crdt_write AS last WHERE last.id = write.id)
