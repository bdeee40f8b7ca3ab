CREATE VIEW crdt_log AS
-- Which rows show what came from other sites, as `crdtsql log` has them; "key" is the key itself, or its parts as SQL literals.
SELECT
  batch,
  known.name AS "table",
  "key",
  CASE WHEN gone IS NOT NULL THEN 'deleted' WHEN ${row_is_new} THEN 'inserted' ELSE 'updated' END AS did,
  json_extract(cells, '$.columns') AS "columns",
  lower(hex(site.id)) AS site,
  ${site_name} AS site_name,
  datetime((${newest} >> 16) / 1000, 'unixepoch') AS "time",
  CASE WHEN gone IS NULL THEN replace(held, ${reason_restored}, ${referenced}) END AS held${actors}
FROM (
  SELECT batch, site, upto, after, tbl, "key", gone, t, s, dot_t, dot_s, held, (
    SELECT json_object('columns', json_group_array(field.name), 'newest', max(${stamp} & 4611686018427387903))
    FROM json_each(stamps) AS some CROSS JOIN json_each(some.value) AS cell CROSS JOIN _crdt_column AS field
    WHERE gone IS NULL
      AND cell.key % 3 = 0
      AND ifnull(json_extract(some.value, '$[' || (cell.key + 2) || ']'), s) = site
      AND (${stamp} & 4611686018427387903) BETWEEN after + 1 AND upto
      AND field.tbl = arrived.tbl
      AND field.id = cell.value
  ) AS cells
  FROM (
    SELECT batch, site, upto, tbl, "key", gone, t, s, dot_t, dot_s, held, stamps, ifnull((
      SELECT earlier.upto
      FROM _crdt_progress AS earlier
      WHERE earlier.seq < changed.batch AND earlier.site = changed.site
      ORDER BY earlier.seq DESC
      LIMIT 1
    ), 0) AS after
    FROM (
${changed}
    ) AS changed
    WHERE changed.site <> (SELECT value FROM _crdt_meta WHERE name = 'self')
      AND changed.batch > (SELECT value FROM _crdt_meta WHERE name = 'log_from')
  ) AS arrived
) AS came
CROSS JOIN _crdt_table AS known ON known.id = tbl
CROSS JOIN _crdt_site AS site ON site.ordinal = came.site
WHERE ${row_is_new} OR ${head_is_new} OR json_extract(cells, '$.newest') IS NOT NULL
