SELECT DISTINCT CAST(target.${column} AS INTEGER), ${t} & 4611686018427387903, ${s}
FROM ${source} AS target
${clock}
-- As an integer, so that text is compared as a number, as it is where it refers to one.
WHERE target.${column} IN (SELECT CAST(value AS INTEGER) FROM json_each(:numbers)) AND ${scope} AND ${s} IS NOT NULL
