CREATE TEMP TABLE _crdt_cell (
  -- Cells of one typed column that were written: hlc of the last whole write and of the last update after it; the value before
  -- that update and now; the stamp before all that; the held row if the table does not show the row.
  id INTEGER PRIMARY KEY,
  ${keys},
  whole INTEGER,
  updated INTEGER,
  first INTEGER,
  held INTEGER,
  shown INTEGER,
  old,
  now,
  before_t INTEGER,
  before_s INTEGER
)
