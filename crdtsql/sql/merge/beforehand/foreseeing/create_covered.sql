CREATE TEMP TABLE _crdt_covered (
  -- The sites of the changeset, before the file is locked.
  remote INTEGER PRIMARY KEY,  -- what the changeset calls the site
  upto INTEGER NOT NULL        -- the hlc up to which this replica has its events
)
