UPDATE ${image}.${row_table}
-- The sender does not have the column: a row that is new here begins with the default of this table.
SET ${value} = :default
WHERE NOT (${word} >> ${incoming_bit}) & 1
