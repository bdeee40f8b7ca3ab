SELECT ${oldest}
FROM ${clock} AS clock
WHERE ${scope}
