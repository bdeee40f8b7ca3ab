SELECT ${held_keys}
FROM main.${moved} AS moved
JOIN ${held} AS held ON held.id = moved.held
WHERE ${stands}
