SELECT 1
-- A row that is not as the sender's table was enabled with, or of which a cell is missing.
FROM ${image}.${row_table}
WHERE t <> :genesis_t OR s <> :genesis_s OR dot_t IS NOT NULL OR many IS NOT NULL OR NOT (${is_whole})
LIMIT 1
