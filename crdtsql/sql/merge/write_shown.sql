UPDATE ${image}.${row_table} AS incoming
-- From here on the row looks as if it had been sent with the merged value.
SET ${value} = shown.value, ${word} = ${word} | (1 << ${incoming_bit})
FROM temp._crdt_shown AS shown
WHERE incoming.rowid = shown.id
