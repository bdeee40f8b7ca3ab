max(hlc) AS written,
        max(hlc) AS latest,
        0 AS removed,
        NULL AS held
