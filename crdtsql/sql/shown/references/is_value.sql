-- A value that we keep has no type of its own there; CAST, of what is of that type already, gives the comparison the affinity of its column.
CASE
  WHEN typeof(${kept}) IN (${types}) THEN CAST(${kept} AS ${affinity}) COLLATE ${collation} = +${child}
  ELSE +${kept} COLLATE ${collation} = +${child}
END
