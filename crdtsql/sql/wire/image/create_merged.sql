CREATE TABLE ${prefix}merged (
  site INTEGER NOT NULL CHECK (site BETWEEN 1 AND ${sites}),
  peer INTEGER NOT NULL CHECK (peer BETWEEN 1 AND ${sites}),
  at INTEGER NOT NULL CHECK (at BETWEEN 1 AND ${highest}),
  upto INTEGER NOT NULL CHECK (upto BETWEEN 1 AND ${highest}),
  PRIMARY KEY (site, peer, at)
) STRICT, WITHOUT ROWID
