DELETE FROM ${table}
WHERE (${key_columns}) IN (SELECT ${met_keys} FROM ${met} AS met WHERE met.gone = 1 AND met.old_gone IS NULL)
