UPDATE ${staged}
SET ${column} = ${column} + :added
WHERE typeof(${column}) = 'integer' AND ${column} < :limit
