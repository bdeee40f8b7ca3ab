INSERT INTO ${staged} (${keys} ${values})
SELECT ${raw_keys} ${raw_values}
FROM ${raw}
ORDER BY rowid
