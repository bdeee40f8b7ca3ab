CREATE TABLE ${clock} (
  -- One row per row of the user's table that changed since it was enabled; cN_t, cN_s where a cell's stamp is not t, s.
  ${key_definitions},
  t INTEGER NOT NULL,
  s INTEGER NOT NULL,
  dot_t INTEGER,
  dot_s INTEGER,
  gone INTEGER,
  many INTEGER,
  held INTEGER,
  seq INTEGER,
  ${stamp_definitions}
  PRIMARY KEY (${key_columns})
) WITHOUT ROWID
