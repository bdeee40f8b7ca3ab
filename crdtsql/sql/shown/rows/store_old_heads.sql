INSERT INTO ${heads} (${keys}, s, t, gone)
SELECT ${keys}, old_s, old_t, :old_gone
FROM temp._crdt_turned
