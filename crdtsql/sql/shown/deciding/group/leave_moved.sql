DELETE FROM ${out}
WHERE (${keys}) IN (SELECT ${keys} FROM ${candidate} WHERE chosen AND id IN (SELECT value FROM json_each(:moved)))
