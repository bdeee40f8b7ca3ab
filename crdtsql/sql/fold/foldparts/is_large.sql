tbl = :tbl
  AND op = :op
  AND (detail >> :bit) & 1
  AND (
    typeof(new) NOT IN ('integer', 'null')
    OR typeof(old) NOT IN ('integer', 'null')
    -- Up to here SQLite adds a million differences exactly.
    OR new NOT BETWEEN -1099511627776 AND 1099511627776
    OR old NOT BETWEEN -1099511627776 AND 1099511627776
  )
