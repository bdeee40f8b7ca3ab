DELETE FROM temp._crdt_part
WHERE mine IS NULL AND ${is_settled}
