CREATE TABLE _crdt_foretold (
  -- What stands in keys for a row that was not known to who wrote them: the next one that site inserts under a number of the table uid.
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL,
  site INTEGER NOT NULL,
  number INTEGER NOT NULL
)
