CREATE TEMP TABLE _crdt_arrived (
  -- Incoming rows with an event that is new here.
  id INTEGER PRIMARY KEY,  -- the key of the incoming row
  fresh INTEGER NOT NULL,  -- 1 if this replica has never seen the row
  gone INTEGER             -- 1 if the incoming row is deleted, else NULL
)
