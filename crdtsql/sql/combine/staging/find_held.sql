UPDATE ${staged} AS staged
SET mine = 1
WHERE mine IS NULL
  AND EXISTS (SELECT 1 FROM ${held} AS held WHERE ${held_is_staged} AND held.reason <> ${reason_deleted})
