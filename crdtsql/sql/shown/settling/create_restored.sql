CREATE TEMP TABLE _crdt_restored (
  -- Deleted rows that must be shown, because rows refer to them that their deletes had not seen.
  tbl,  -- id of the table
  id,   -- of the held row
  PRIMARY KEY (tbl, id)
) WITHOUT ROWID
