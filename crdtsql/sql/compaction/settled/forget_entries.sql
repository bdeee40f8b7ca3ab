DELETE FROM _crdt_conflict
WHERE tbl = :tbl AND (${keys}) IN (SELECT ${keys} FROM ${settled})
