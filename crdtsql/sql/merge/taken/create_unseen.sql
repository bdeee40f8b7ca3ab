CREATE TEMP TABLE _crdt_unseen (
  -- Writes of a changeset with which values go that a table did not show, if this replica has not seen the write that took their place.
  t INTEGER,       -- the hlc of the write
  remote INTEGER,  -- its site, as the changeset numbers it
  uid TEXT,        -- of the column
  lost_t INTEGER,  -- the hlc of the value
  lost_s INTEGER,  -- its local site, 0 if the sender does not say which value it was, -1 if its stamp may have been forgotten here, -2 there
  since_t INTEGER, -- the hlc of the write that took the value's place, this one or one before it
  since_s INTEGER, -- its local site
  PRIMARY KEY (t, remote, uid, lost_t, lost_s, since_t, since_s)
) WITHOUT ROWID
