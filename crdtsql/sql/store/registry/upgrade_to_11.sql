CREATE TABLE _crdt_was (
  -- What updates in the log replaced in tables with a history: seq is the entry's, part p has the old values of columns 8 * p to 8 * p + 7.
  seq INTEGER NOT NULL,
  part INTEGER NOT NULL,
  o0, o1, o2, o3, o4, o5, o6, o7
)
