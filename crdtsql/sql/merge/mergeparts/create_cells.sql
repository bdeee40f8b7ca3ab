CREATE TEMP TABLE _crdt_cell (
  -- Cells of one typed column that need their parts compared; id is the key of the incoming row. split: it has parts.
  id INTEGER PRIMARY KEY,
  ${keys},
  theirs_split INTEGER,
  theirs,
  their_t INTEGER,
  their_s INTEGER,
  mine_split INTEGER,
  mine,
  mine_t INTEGER,
  mine_s INTEGER
)
