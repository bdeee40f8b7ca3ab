INSERT INTO temp._crdt_part (id, part, s, t, mine)
-- Of the parts that were sent, those that my whole writes imply.
SELECT implied.id, name.value, implied.s, implied.t, 2
FROM (
  SELECT
    whole.id AS id,
    whole.s AS s,
    whole.t AS t,
    CAST(
      _crdt_common(
        ${names},
        (
          SELECT CAST('[' || group_concat(sent.part, ',') || ']' AS BLOB)
          FROM temp._crdt_part AS sent
          WHERE sent.id = whole.id
            AND sent.part <> ''
            AND NOT EXISTS (SELECT 1 FROM temp._crdt_part AS said WHERE said.id = sent.id AND said.part = sent.part AND said.mine = 1)
        )
      ) AS TEXT
    ) AS names
  FROM temp._crdt_incoming_cell AS cell
  JOIN temp._crdt_part AS whole ON whole.id = cell.id AND whole.part = '' AND whole.mine
  WHERE cell.narrow
) AS implied
CROSS JOIN json_each(implied.names) AS name
WHERE 1
ON CONFLICT DO UPDATE SET mine = 2
