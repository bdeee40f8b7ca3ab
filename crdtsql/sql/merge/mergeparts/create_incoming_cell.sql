CREATE TEMP TABLE _crdt_incoming_cell (
  -- Cells of one typed column that need their parts compared.
  id INTEGER PRIMARY KEY,  -- the key of the incoming row
  ${keys},
  theirs_split INTEGER,    -- whether the cell was sent with parts
  theirs,                  -- the value that was sent
  their_t INTEGER,
  their_s INTEGER,
  mine_split INTEGER,      -- whether it has parts here
  mine,
  mine_t INTEGER,          -- NULL if the cell is new here
  mine_s INTEGER,
  narrow INTEGER NOT NULL DEFAULT 0,  -- 1 if only the parts that were sent can change
  settled INTEGER NOT NULL DEFAULT 0  -- 1 if either side may have forgotten all whole writes of the other one
)
