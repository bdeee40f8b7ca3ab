INSERT INTO _crdt_log (at, op, tbl, detail, ${keys})
-- An update of no column, which gives the row a new head and lets its cells keep their stamps; or an insert of a row that is there.
SELECT ${log_time}, :op, :tbl, :detail, ${held_keys}
FROM ${held} AS held
WHERE held.id = :held
