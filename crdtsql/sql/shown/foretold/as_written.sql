ifnull(
    (
      SELECT CASE WHEN typeof(${number}) = 'text' THEN CAST(foretold.number AS TEXT) ELSE foretold.number END
      FROM main._crdt_foretold AS foretold
      WHERE foretold.id = ${number}
    ),
    ${number}
  )
