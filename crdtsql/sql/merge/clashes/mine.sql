CASE WHEN shown.${row_marker} IS NULL THEN held.${held_value} ELSE shown.${column} END
