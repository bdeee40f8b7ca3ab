SELECT DISTINCT gone.held
FROM (${children}) AS child
CROSS JOIN ${parent_clock} AS gone ON ${gone_is_child}
WHERE gone.gone = 1 AND gone.held IS NOT NULL
