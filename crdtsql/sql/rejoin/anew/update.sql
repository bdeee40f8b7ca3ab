UPDATE ${on_conflict} ${table}
SET ${assignments}
WHERE ${where}
