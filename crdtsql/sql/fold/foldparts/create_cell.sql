CREATE TEMP TABLE _crdt_cell (
  -- Cells of one typed column that were written: the last whole write in the log, if any (hlc, site); the held row if the table
  -- shows the row otherwise, or not at all; the value before the writes that count, and now; the stamp before all that.
  id INTEGER PRIMARY KEY,
  ${keys},
  whole INTEGER,
  whole_s INTEGER,
  held INTEGER,
  shown INTEGER,
  old,
  now,
  before_t INTEGER,
  before_s INTEGER
)
