SELECT DISTINCT gone.held
FROM (${children}) AS child
CROSS JOIN ${parent_held} AS lost ON ${lost_is_child}
CROSS JOIN ${parent_clock} AS gone ON ${gone_is_lost} AND gone.held = lost.id
WHERE gone.gone = 1
