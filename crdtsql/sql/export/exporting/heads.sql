INSERT INTO ${image}.${head_table} (${keys}, s, t, gone)
SELECT ${incoming_keys}, heads.s, heads.t, heads.gone
FROM ${image}.${row_table} AS sent
JOIN ${heads} AS heads ON ${heads_is_sent}
WHERE sent.many = 1
