-- Anki: a collection of notes, cards and reviews (collection.anki2).
-- Written down from AnkiDroid's page "Database Structure" and the table list of Anki's schema 11 to 18.
-- Simplified: Anki's own collation unicase is NOCASE here. Ids are times in milliseconds, and nothing is declared as a reference,
-- as there.

CREATE TABLE col (
  id INTEGER PRIMARY KEY,
  crt INTEGER NOT NULL,
  mod INTEGER NOT NULL,
  scm INTEGER NOT NULL,
  ver INTEGER NOT NULL,
  usn INTEGER NOT NULL,
  conf TEXT NOT NULL,
  tags TEXT NOT NULL
);
INSERT INTO col VALUES (1, 0, 0, 0, 18, 0, '{}', '{}');

CREATE TABLE notes (
  id INTEGER PRIMARY KEY,
  guid TEXT NOT NULL,
  mid INTEGER NOT NULL,
  mod INTEGER NOT NULL,
  usn INTEGER NOT NULL,
  tags TEXT NOT NULL,
  flds TEXT NOT NULL,
  -- text in a column of integer affinity, so that numbers sort as numbers
  sfld INTEGER NOT NULL,
  csum INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX ix_notes_csum ON notes (csum);
INSERT INTO notes VALUES (1700000000001, 'g1', 1, 1, -1, '', 'front', 'front', 1, 0, ''), (1700000000002, 'g2', 1, 1, -1, '', '12', '12', 1, 0, '');

CREATE TABLE cards (
  id INTEGER PRIMARY KEY,
  nid INTEGER NOT NULL,
  did INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  mod INTEGER NOT NULL,
  usn INTEGER NOT NULL,
  type INTEGER NOT NULL,
  queue INTEGER NOT NULL,
  due INTEGER NOT NULL,
  ivl INTEGER NOT NULL,
  factor INTEGER NOT NULL,
  reps INTEGER NOT NULL,
  lapses INTEGER NOT NULL,
  left INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX ix_cards_sched ON cards (did, queue, due);
INSERT INTO cards VALUES (1700000000011, 1700000000001, 1, 0, 1, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 'first');

CREATE TABLE revlog (
  id INTEGER PRIMARY KEY,
  cid INTEGER NOT NULL,
  usn INTEGER NOT NULL,
  ease INTEGER NOT NULL,
  ivl INTEGER NOT NULL,
  lastIvl INTEGER NOT NULL,
  factor INTEGER NOT NULL,
  time INTEGER NOT NULL,
  type INTEGER NOT NULL
);
CREATE INDEX ix_revlog_cid ON revlog (cid);
INSERT INTO revlog VALUES (1700000000021, 1700000000011, -1, 3, 1, 0, 2500, 4000, 0);

CREATE TABLE graves (
  oid INTEGER NOT NULL,
  type INTEGER NOT NULL,
  usn INTEGER NOT NULL,
  PRIMARY KEY (oid, type)
) WITHOUT ROWID;

CREATE TABLE notetypes (
  id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  mtime_secs INTEGER NOT NULL,
  usn INTEGER NOT NULL,
  config BLOB NOT NULL
);
CREATE UNIQUE INDEX idx_notetypes_name ON notetypes (name);

CREATE TABLE fields (
  ntid INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  name TEXT NOT NULL COLLATE NOCASE,
  config BLOB NOT NULL,
  PRIMARY KEY (ntid, ord)
) WITHOUT ROWID;
CREATE UNIQUE INDEX idx_fields_name_ntid ON fields (name, ntid);

CREATE TABLE deck_config (
  id INTEGER PRIMARY KEY NOT NULL,
  name TEXT NOT NULL COLLATE NOCASE,
  mtime_secs INTEGER NOT NULL,
  usn INTEGER NOT NULL,
  config BLOB NOT NULL
);

CREATE TABLE config (
  KEY TEXT NOT NULL PRIMARY KEY,
  usn INTEGER NOT NULL,
  mtime_secs INTEGER NOT NULL,
  val BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE tags (
  tag TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
  usn INTEGER NOT NULL,
  collapsed BOOLEAN NOT NULL DEFAULT 0,
  config BLOB NULL
) WITHOUT ROWID;
