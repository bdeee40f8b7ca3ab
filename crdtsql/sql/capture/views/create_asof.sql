CREATE VIEW crdt_asof AS
-- From when until when the last writer of a cell had which value; until is NULL for the last one. Rows that nobody wrote since then are missing.
SELECT tbl, "key", "column", value, since, until, actor, run
FROM (
  SELECT
    tbl,
    "key",
    did,
    "column",
    value,
    "time" AS since,
    lead("time") OVER (PARTITION BY tbl, "key", "column" ORDER BY hlc, site) AS until,
    actor,
    run
  FROM (
    SELECT tbl, "key", did, "column", value, "time", actor, run, hlc, site
    FROM crdt_history
    WHERE "column" IS NOT NULL
    UNION ALL
    -- A delete ends all cells of its row.
    SELECT gone.tbl, gone."key", gone.did, cell."column", NULL, gone."time", NULL, NULL, gone.hlc, gone.site
    FROM crdt_history AS gone
    JOIN (SELECT DISTINCT tbl, "key", "column" FROM crdt_history WHERE "column" IS NOT NULL) AS cell
      ON cell.tbl = gone.tbl AND cell."key" = gone."key"
    WHERE gone.did = 'deleted'
  )
)
WHERE did <> 'deleted'
