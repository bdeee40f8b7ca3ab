ifnull(
    (
      SELECT CASE WHEN typeof(${number}) = 'text' THEN CAST(foretold.now AS TEXT) ELSE foretold.now END
      FROM (
        SELECT foretold.id AS id, coalesce(${old}, foretold.number) AS now
        FROM main._crdt_foretold AS foretold
      ) AS foretold
      WHERE foretold.id = ${number}
    ),
    ${number}
  )
