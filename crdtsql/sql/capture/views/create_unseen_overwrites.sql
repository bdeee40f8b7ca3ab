CREATE VIEW crdt_unseen_overwrites AS
-- Values that were overwritten by somebody who had not seen them: "concurrent" within a minute of each other, else "late".
SELECT
  id,
  "table",
  "key",
  "column",
  part,
  lost_value,
  lost_site,
  lost_site_name,
  lost_time,
  won_value,
  won_site,
  won_site_name,
  won_time,
  seconds,
  CASE WHEN abs(seconds) < 60 THEN 'concurrent' ELSE 'late' END AS how,
  resolved${actors}
FROM (
  SELECT
    told.id AS id,
    told."table" AS "table",
    told."key" AS "key",
    told."column" AS "column",
    told.part AS part,
    told.lost_value AS lost_value,
    told.lost_site AS lost_site,
    told.lost_site_name AS lost_site_name,
    told.lost_time AS lost_time,
    told.won_value AS won_value,
    told.won_site AS won_site,
    told.won_site_name AS won_site_name,
    told.won_time AS won_time,
    told.resolved AS resolved,
    ${told_actors}(((kept.won_t & 4611686018427387903) >> 16) - ((kept.lost_t & 4611686018427387903) >> 16)) / 1000.0 AS seconds
  FROM crdt_conflicts AS told
  JOIN _crdt_conflict AS kept ON kept.id = told.id
  WHERE kept.took <> 'severed'
)
