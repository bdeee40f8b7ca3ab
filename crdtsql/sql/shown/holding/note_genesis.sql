INSERT INTO ${clock} (${keys}, t, s, seq)
-- Rows of genesis have no clock row, and a held row needs one that leads to it.
SELECT ${held_keys}, :genesis_t, :genesis_s, :batch
FROM ${held} AS held
WHERE held.id > :base
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_held})
