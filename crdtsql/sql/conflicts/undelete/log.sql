INSERT INTO _crdt_log (at, op, tbl, detail, ${keys})
-- An update of no column: the row gets a new head, and its cells keep their stamps.
SELECT ${log_time}, :op, :tbl, 0, ${held_keys}
FROM ${held} AS held
WHERE held.id = :held
