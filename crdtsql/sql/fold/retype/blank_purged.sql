UPDATE ${held} AS held
-- A row whose values were purged says nothing under the new type either.
SET ${value} = :blank
WHERE ${invalid}
  AND EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.held = held.id AND ${is_purged})
