CREATE TEMP TABLE _crdt_stretch (
  -- Entries of the log, from one seq to another, whose hlc is the seq and one number more, and the site that they belong to.
  first INTEGER PRIMARY KEY, last INTEGER, more INTEGER, s INTEGER
)
