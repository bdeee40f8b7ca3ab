(
  ${both_values}
  WHERE (met.${clash} >> ${bit}) & 1
)
WHERE mine IS NOT theirs
