UPDATE ${image}.${row_table} AS incoming
-- From here on the row looks as if it had been sent with the merged value; a cell that stays as it is here was not sent.
SET ${value} = shown.value, ${word} = ${word} | (1 << ${incoming_bit})
FROM temp._crdt_shown AS shown
JOIN temp._crdt_incoming_cell AS cell ON cell.id = shown.id
WHERE incoming.rowid = shown.id
  AND (
    (incoming.${word} >> ${incoming_bit}) & 1
    OR cell.mine_t IS NULL
    OR shown.value IS NOT cell.mine
    OR typeof(shown.value) <> typeof(cell.mine)
  )
