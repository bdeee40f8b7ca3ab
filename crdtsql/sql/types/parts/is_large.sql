typeof(v) NOT IN ('integer', 'null')
  -- Up to here SQLite adds exactly what all sites of a cell added: there are never a million of them.
  OR v NOT BETWEEN -1099511627776 AND 1099511627776
