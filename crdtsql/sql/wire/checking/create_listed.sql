CREATE TEMP TABLE _crdt_listed (
  -- The sites of the header; on the connection that checks what a changeset holds.
  ordinal INTEGER PRIMARY KEY,  -- what the changeset calls the site
  upto INTEGER                  -- the sender's vector
)
