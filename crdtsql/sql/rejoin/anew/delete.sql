DELETE FROM ${table}
WHERE ${where}
