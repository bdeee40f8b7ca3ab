CREATE TEMP TABLE _crdt_part (
  -- Heads of parts of the cells at work.
  id INTEGER,      -- of the cell
  part TEXT,       -- the part's name, '' for a whole write
  s INTEGER,       -- local site of the head's event
  t INTEGER,       -- its hlc
  gone INTEGER,    -- 1 if the event removed the part
  v,               -- the part's value
  n INTEGER,       -- of a counter: the hlc of a total that a base had seen (docs/FORMAT.md)
  mine INTEGER,    -- whether this replica has the head: 1 if a row says so, 2 if a whole write implies it
  theirs INTEGER,  -- the same of the sender
  PRIMARY KEY (id, part, s, t)
)
