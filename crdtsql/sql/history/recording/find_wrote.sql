INSERT OR IGNORE INTO temp._crdt_wrote ("row", col, seq, old)
SELECT step."row", ${col}, was.seq, was.${old}
FROM main._crdt_was AS was
CROSS JOIN temp._crdt_step AS step ON step.seq = was.seq
WHERE was.part = ${part} AND ${is_masked}
