CREATE TEMP TABLE _crdt_from (
  -- The sites of the changeset.
  remote INTEGER PRIMARY KEY,  -- what the changeset calls the site
  local INTEGER UNIQUE,        -- what this file calls it
  seen INTEGER NOT NULL,       -- the hlc up to which this replica knew its events before the merge
  id BLOB                      -- its 16 bytes
)
