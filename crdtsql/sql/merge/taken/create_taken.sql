CREATE TEMP TABLE _crdt_taken (
  -- Typed cells of which a part goes with an incoming write whose writer's table did not show it.
  id INTEGER,   -- the key of the incoming row
  col INTEGER,  -- the id of the column
  PRIMARY KEY (id, col)
) WITHOUT ROWID
