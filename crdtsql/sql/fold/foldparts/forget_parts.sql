DELETE FROM ${parts}
WHERE col = :col AND ${which} AND (${keys}) IN (SELECT ${keys} FROM temp._crdt_cell WHERE ${cells})
