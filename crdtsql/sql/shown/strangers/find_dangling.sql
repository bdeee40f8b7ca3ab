SELECT ${named}
FROM ${child} AS child
WHERE ${is_set} AND NOT EXISTS (SELECT 1 FROM ${parent} AS parent WHERE ${parent_is_meant})
