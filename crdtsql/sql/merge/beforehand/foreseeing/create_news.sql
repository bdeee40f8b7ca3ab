CREATE TEMP TABLE ${news} (
  -- Incoming rows of one table with an event that is new here.
  id INTEGER PRIMARY KEY,  -- the key of the incoming row
  fresh INTEGER NOT NULL,  -- 1, until it is found out that this replica has seen the row
  gone INTEGER             -- 1 if the incoming row is deleted, else NULL
)
