INSERT INTO temp._crdt_dirty (tbl, ${keys})
-- What was noted under a key of which a number changes, under the new one.
SELECT tbl, ${new_keys}
FROM temp._crdt_dirty AS noted
CROSS JOIN temp._crdt_moved AS moved ON moved.old = noted.${key}
WHERE noted.tbl = ${table_id}
