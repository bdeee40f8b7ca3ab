CREATE TABLE IF NOT EXISTS main._crdt_arbitrated (
  -- Conflicts about which a program was asked here, so that it is asked about none twice; it does not travel.
  clash TEXT NOT NULL PRIMARY KEY, -- a digest of the cell and of both stamps
  conflict INTEGER NOT NULL, -- the number of its entry in the conflict log
  at_ms INTEGER NOT NULL, -- when the program was asked
  state TEXT NOT NULL CHECK (state IN ('asked', 'answered', 'skipped', 'failed', 'resolved')),
  answer TEXT -- what it answered, as JSON, or why it failed
)
