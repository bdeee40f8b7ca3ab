CREATE TEMP TABLE _crdt_incoming_head (
  -- The heads that the sender has of rows that both sides have.
  id INTEGER,      -- the key of the incoming row
  s INTEGER,       -- local site
  t INTEGER,
  gone INTEGER,    -- 1 if it is a delete
  is_new INTEGER,  -- 1 if this replica has not seen it
  PRIMARY KEY (id, s, t)
) WITHOUT ROWID
