UPDATE ${on_conflict} ${table} AS target
-- What was written here after all others wrote takes the place of what they wrote.
SET ${column} = written.v
FROM temp._crdt_written AS written
WHERE ${target_is_written}
