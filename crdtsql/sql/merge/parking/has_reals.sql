SELECT
  EXISTS (SELECT 1 FROM ${image}.${row_table} WHERE typeof(${value}) = 'real')
  OR EXISTS (SELECT 1 FROM ${image}.${part_table} WHERE col = :position AND typeof(v) = 'real')
  OR EXISTS (SELECT 1 FROM ${parked} WHERE col = :col AND typeof(v) = 'real')
