INSERT INTO main.${moved} (held, ${keys})
SELECT id, ${keys}
FROM ${candidate}
WHERE chosen AND id IN (SELECT value FROM json_each(:moved))
