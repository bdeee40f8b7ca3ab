CREATE TABLE _crdt_retired (
  -- Ended sites that vectors name no more: all members had all that such a site wrote, up to upto; ended is the hlc of its end.
  id BLOB NOT NULL PRIMARY KEY,
  upto INTEGER NOT NULL,
  ended INTEGER NOT NULL
) WITHOUT ROWID
