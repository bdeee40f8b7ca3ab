CREATE TABLE _crdt_meta (
  -- One row per fact about this file: format, self (ordinal of the local site), clock, batch, home, generation, nonce, ...
  name TEXT NOT NULL PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE _crdt_site (
  -- Sites by local ordinal; upto is the version vector: every event of the site up to this hlc is in this file.
  ordinal INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  upto INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE _crdt_retired (
  -- Ended sites that vectors name no more: all members had all that such a site wrote, up to upto; ended is the hlc of its end.
  id BLOB NOT NULL PRIMARY KEY,
  upto INTEGER NOT NULL,
  ended INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE _crdt_table (
  -- Replicated tables. A row without a clock row belongs to the genesis (genesis_t, genesis_s).
  -- bulk: the latest batch whose rows are not in the seq index because they were a large part of the table.
  -- uid: what the table is called in changesets, whatever its name; columns: its columns as last seen, as JSON.
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  key_count INTEGER NOT NULL,
  identity TEXT NOT NULL DEFAULT 'key',
  rows TEXT NOT NULL DEFAULT 'add-wins',
  granularity TEXT NOT NULL DEFAULT 'column',
  genesis_t INTEGER,
  genesis_s INTEGER,
  bulk INTEGER NOT NULL DEFAULT 0,
  uid TEXT,
  columns TEXT
);

CREATE TABLE _crdt_column (
  -- Key columns have id -1, -2, ... in the order of the key, value columns 0, 1, ...: the bit in the changed-column mask.
  -- since: 1 if the column is younger than the genesis, whose rows never wrote it; dropped: 1 if it is not in the table any more.
  tbl INTEGER NOT NULL,
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL DEFAULT 'lww',
  since INTEGER NOT NULL DEFAULT 0,
  uid TEXT,
  dropped INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tbl, id)
) WITHOUT ROWID;

CREATE TABLE _crdt_log (
  -- What the triggers append: at is milliseconds since 1970 times 2^20 and chance, op 1 insert, 2 delete, 3 perhaps evicted or
  -- replaced, 4 + w update of mask word w; detail is the mask of an update, the held row of a delete, or 1 for an insert of a row
  -- that is there; old the value before the update of a typed column, new the one after it, of a counter.
  seq INTEGER PRIMARY KEY,
  at,
  op,
  tbl,
  detail,
  old,
  new,
  k1
);

CREATE TABLE _crdt_was (
  -- What updates in the log replaced in tables with a history: seq is the entry's, part p has the old values of columns 8 * p to 8 * p + 7.
  seq INTEGER NOT NULL,
  part INTEGER NOT NULL,
  o0, o1, o2, o3, o4, o5, o6, o7
);

CREATE TABLE _crdt_quiet (
  -- While a row is here, capture triggers do nothing: crdtsql writes to the user's tables. No transaction leaves one.
  id INTEGER PRIMARY KEY
);

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
) WITHOUT ROWID;

CREATE TABLE _crdt_merged (
  -- What a site knew: before its event at hlc "at" it had merged the events of peer up to upto.
  site INTEGER NOT NULL,
  peer INTEGER NOT NULL,
  at INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  PRIMARY KEY (site, peer, at)
) WITHOUT ROWID;

CREATE TABLE _crdt_progress (
  -- How the version vector grew: in batch seq the entry of site rose to upto. Finds where an export must start.
  seq INTEGER NOT NULL,
  site INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  PRIMARY KEY (seq, site)
) WITHOUT ROWID;

CREATE TABLE _crdt_peer (
  -- The version vectors that peers were last known to have.
  site INTEGER NOT NULL,
  known INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  PRIMARY KEY (site, known)
) WITHOUT ROWID;

CREATE TABLE _crdt_foretold (
  -- What stands in keys for a row that was not known to who wrote them: the next one that site inserts under a number of the table uid.
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL,
  site INTEGER NOT NULL,
  number INTEGER NOT NULL
);

CREATE TABLE _crdt_conflict (
  -- Concurrent overwrites: the value that won and the value that lost, with their stamps. took: theirs if the incoming
  -- value won, else ours; resolved, resolved_s: stamp of the write that settled it, NULL while it is open.
  id INTEGER PRIMARY KEY,
  tbl INTEGER NOT NULL,
  col INTEGER NOT NULL,
  part TEXT NOT NULL DEFAULT '',
  won_t INTEGER NOT NULL,
  won_s INTEGER NOT NULL,
  won,
  lost_t INTEGER NOT NULL,
  lost_s INTEGER NOT NULL,
  lost,
  took TEXT,
  resolved INTEGER,
  resolved_s INTEGER,
  k1
);

CREATE INDEX _crdt_conflict_row ON _crdt_conflict (tbl, k1);
