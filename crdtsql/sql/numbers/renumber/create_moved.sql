CREATE TEMP TABLE _crdt_moved (
  -- Rows that get other numbers: what was written from entry first of the log on and before entry last means the row born at
  -- born_t, born_s. hidden: the user's table shows another row under the old number. holder_t, holder_s: who has that number. known: the
  -- row was here, under the old number.
  old INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  new INTEGER NOT NULL,
  hidden INTEGER NOT NULL,
  born_t INTEGER NOT NULL,
  born_s INTEGER NOT NULL,
  holder_t INTEGER,
  holder_s INTEGER,
  known INTEGER NOT NULL,
  PRIMARY KEY (old, first, born_t, born_s)
) WITHOUT ROWID
