UPDATE ${image}.${row_table}
-- A cell that is not of one site counts as one that was not sent.
SET ${word} = ${word} & ~(1 << ${bit}), ${value} = NULL, ${t} = NULL, ${s} = NULL
WHERE (${word} >> ${bit}) & 1 AND ifnull(${s}, s) <> :site
