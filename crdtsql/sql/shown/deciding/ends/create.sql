CREATE TEMP TABLE ${ends} (
  -- Rows that don't stand for themselves, as they are: references to them are read as those to another row, or to what they show now.
  id INTEGER PRIMARY KEY,  -- of the held row
  rank INTEGER NOT NULL,   -- of its claim: the best one leads where several had the value referred to
  winner INTEGER,          -- the candidate that stands for it, while its table is decided
  ${end_definitions},      -- the key of the row that does, afterwards
  ${columns}
)
