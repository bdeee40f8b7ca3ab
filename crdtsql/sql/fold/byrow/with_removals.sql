max(CASE WHEN op <> 3 THEN hlc END) AS written,
        max(hlc) AS latest,
        max(op IN (2, 3)) AS removed,
        max(CASE WHEN op IN (2, 3) THEN detail END) AS held
