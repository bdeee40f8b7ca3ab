CREATE TABLE _crdt_acting (
  -- Who writes, as writers said in crdt_actor since the last fold: after the entry "after" of the log, with actor NULL nobody.
  id INTEGER PRIMARY KEY,
  after INTEGER NOT NULL,
  actor,
  session,
  run,
  note
);

CREATE TABLE _crdt_attribution (
  -- Who wrote the events of a site from hlc since to hlc upto, and in which session and run, as the writer said it.
  site INTEGER NOT NULL,
  since INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  actor TEXT NOT NULL,
  session TEXT,
  run TEXT,
  note TEXT,
  PRIMARY KEY (site, since)
) WITHOUT ROWID
