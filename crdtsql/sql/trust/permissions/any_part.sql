UNION ALL
SELECT 1 FROM ${image}.${part_table} AS part WHERE part.s = :site AND (part.t & 4611686018427387903) > :seen
