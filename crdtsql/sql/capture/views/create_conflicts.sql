CREATE VIEW crdt_conflicts AS
-- Every concurrent overwrite that this file has seen; "key" is the key itself, or its parts as SQL literals.
SELECT
  conflict.id AS id,
  known.name AS "table",
  CASE known.key_count WHEN 1 THEN conflict.k1 ELSE ${quoted_key} END AS "key",
  field.name AS "column",
  conflict.part AS part,
  conflict.won AS won_value,
  lower(hex(winner.id)) AS won_site,
  datetime(((conflict.won_t & 4611686018427387903) >> 16) / 1000, 'unixepoch') AS won_time,
  conflict.lost AS lost_value,
  lower(hex(loser.id)) AS lost_site,
  datetime(((conflict.lost_t & 4611686018427387903) >> 16) / 1000, 'unixepoch') AS lost_time,
  CASE conflict.took WHEN 'severed' THEN 'theirs' ELSE conflict.took END AS took,
  conflict.resolved IS NOT NULL AS resolved,
  datetime(((conflict.resolved & 4611686018427387903) >> 16) / 1000, 'unixepoch') AS resolved_time,
  ${winner_shown} AS won_site_name,
  ${loser_shown} AS lost_site_name${actors}
FROM _crdt_conflict AS conflict
JOIN _crdt_table AS known ON known.id = conflict.tbl
JOIN _crdt_column AS field ON field.tbl = conflict.tbl AND field.id = conflict.col
JOIN _crdt_site AS winner ON winner.ordinal = conflict.won_s
JOIN _crdt_site AS loser ON loser.ordinal = conflict.lost_s
