SELECT
  ${name} AS tbl,
  "key",
  CASE WHEN waits IS NULL THEN printf('%d.%d', batch, newest) ELSE ${waiting} END AS revision${k_names}
FROM (
  SELECT
    ${clock_key} AS "key",
    max(entry.seq) AS waits,
    entry.op AS op,
    clock.gone AS gone,
    ifnull(clock.seq, (SELECT bulk FROM _crdt_table WHERE id = ${id})) AS batch,
    max(${stamps}) AS newest${clock_keys}
  FROM ${clock} AS clock
  LEFT JOIN _crdt_log AS entry ON entry.tbl = ${id} AND ${entry_is_clock}
  GROUP BY ${clock_grouped}
)
WHERE CASE WHEN waits IS NULL THEN gone IS NULL ELSE op <> 2 END
UNION ALL
SELECT ${name}, "key", ${waiting}${k_names}
FROM (
  SELECT ${entry_key} AS "key", max(entry.seq) AS waits, entry.op AS op${entry_keys}
  FROM _crdt_log AS entry
  WHERE entry.tbl = ${id} AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_entry})
  GROUP BY ${entry_grouped}
)
WHERE op <> 2
