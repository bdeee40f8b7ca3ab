CREATE TABLE _crdt_quiet (
  -- While a row is here, capture triggers do nothing: crdtsql writes to the user's tables. No transaction leaves one.
  id INTEGER PRIMARY KEY
)
