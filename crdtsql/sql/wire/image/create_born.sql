CREATE TABLE ${prefix}${name} (
  k1 INTEGER PRIMARY KEY,
  born_t INTEGER NOT NULL CHECK (born_t BETWEEN -4611686018427387903 AND ${highest}),
  born_s INTEGER NOT NULL CHECK (born_s BETWEEN 1 AND ${sites}),
  root_t INTEGER NOT NULL CHECK (root_t BETWEEN -4611686018427387903 AND ${highest}),
  root_s INTEGER NOT NULL CHECK (root_s BETWEEN 1 AND ${sites}),
  generation INTEGER NOT NULL CHECK (generation BETWEEN 0 AND ${highest}),
  was INTEGER CHECK (was <> k1)
) STRICT
