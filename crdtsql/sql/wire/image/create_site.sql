CREATE TEMP TABLE site (
  -- The sites of the header; on the connection that checks a received image.
  ordinal INTEGER PRIMARY KEY,  -- what the changeset calls the site
  upto INTEGER                  -- the sender's vector
)
