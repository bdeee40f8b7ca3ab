CREATE TEMP TABLE _crdt_unseen (
  -- Writes of a changeset that took the place of values that their writer's table did not show.
  t INTEGER,       -- the hlc of the write
  remote INTEGER,  -- its site, as the changeset numbers it
  uid TEXT,        -- of the column
  PRIMARY KEY (t, remote, uid)
) WITHOUT ROWID
