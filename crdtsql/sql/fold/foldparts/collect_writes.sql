INSERT INTO temp._crdt_write (seq, id, i, hlc, s, old, new)
SELECT seq, id, i, hlc, s, old, new
FROM (${writes})
