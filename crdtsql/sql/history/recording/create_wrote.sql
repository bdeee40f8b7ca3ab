CREATE TEMP TABLE _crdt_wrote (
  -- What updates replaced: the first event of the row and the one of the update, the column, and its value before.
  "row" INTEGER, col INTEGER, seq INTEGER, old, PRIMARY KEY ("row", col, seq)
) WITHOUT ROWID
