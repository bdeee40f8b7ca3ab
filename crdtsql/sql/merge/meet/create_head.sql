CREATE TEMP TABLE _crdt_head (
  -- The heads that stay of rows that both sides have.
  id INTEGER,    -- the key of the incoming row
  t INTEGER,
  s INTEGER,     -- local site
  gone INTEGER,  -- 1 if it is a delete
  rank INTEGER,  -- 1 for the head that the clock row keeps
  PRIMARY KEY (id, rank)
) WITHOUT ROWID
