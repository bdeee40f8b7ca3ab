CREATE TABLE ${born} (
  -- Rows whose birth is not t, s of their clock row, or whose number was used before, or that lost the number they claim (was).
  k1 INTEGER PRIMARY KEY,
  born_t INTEGER NOT NULL,
  born_s INTEGER NOT NULL,
  root_t INTEGER NOT NULL,
  root_s INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  was INTEGER
)
