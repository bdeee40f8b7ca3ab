CREATE TABLE ${prefix}${name} (
  ${keys},
  col INTEGER NOT NULL CHECK (col BETWEEN 0 AND ${last_column}),
  part TEXT NOT NULL,
  s INTEGER NOT NULL CHECK (s BETWEEN 1 AND ${sites}),
  t INTEGER NOT NULL CHECK (t BETWEEN -4611686018427387904 AND ${highest}),
  gone INTEGER CHECK (gone = 1),
  v ANY,
  n INTEGER CHECK (n BETWEEN 1 AND ${highest}),
  PRIMARY KEY (${key_columns}, col, part, s)
) STRICT, WITHOUT ROWID
