CREATE TABLE ${prefix}${name} (
  ${keys},
  t INTEGER NOT NULL CHECK (t BETWEEN -4611686018427387903 AND ${highest}),
  s INTEGER NOT NULL CHECK (s BETWEEN 1 AND ${sites}),
  dot_t INTEGER CHECK (dot_t BETWEEN -4611686018427387903 AND ${highest}),
  dot_s INTEGER CHECK (dot_s BETWEEN 1 AND ${sites}) CHECK ((dot_s IS NULL) = (dot_t IS NULL)),
  gone INTEGER CHECK (gone = 1),
  many INTEGER CHECK (many = 1),
  ${words}${cells}
) STRICT
